/** The sockets of a node: those of its listeners, and that of its management API. */
import type { Config } from '#config/schema.ts';
import { assert } from '#core/assert.ts';
import { type BoundListener, ListeningSockets } from './listening-sockets.ts';

export type NodeSockets = {
  readonly edge: ListeningSockets | null;
  readonly admin: ListeningSockets | null;
  /** Why there are none. */
  readonly reason: string | null;
};

/** From the process before this one, or from this one while it had rights. */
export type InheritedSockets = {
  readonly listeners: readonly BoundListener[];
  readonly admin: readonly BoundListener[];
};

export function bindSockets(
  config: Config,
  workers: number,
  inherited: InheritedSockets | null,
): NodeSockets {
  const addresses = config.edge.listeners.map(({ address }) => address);
  const edge = ListeningSockets.bind(addresses, workers, inherited?.listeners);
  if (typeof edge === 'string') return { edge: null, admin: null, reason: edge };
  const admin = ListeningSockets.bind([config.admin.address], 1, inherited?.admin);
  assert(typeof admin !== 'string', 'what can be bound once can be bound again');
  return { edge, admin, reason: null };
}
