/** What the management API needs of a node in a fleet. */
import type { BlockAction } from './control.ts';
import type { FleetBlockAnswer } from './fleet-schema.ts';

export type FleetBlockRequest = {
  readonly target: string;
  readonly action: BlockAction;
  /** Null: for as long as a fleet decides anything. */
  readonly ttlSeconds: number | null;
  readonly reason: string;
  readonly origin: string;
  /** For so long it waits to hear from the others. */
  readonly waitMs: number;
};

export interface FleetControl {
  /** Resolves when it is durable, in force here and on its way. Throws FLEET_OFF where there is no fleet. */
  addBlock(request: FleetBlockRequest): Promise<FleetBlockAnswer>;
  removeBlock(target: string, origin: string, waitMs: number): Promise<FleetBlockAnswer>;
}
