/** Events of the node, from all its workers: the newest are kept for who asks. */
import type { EventControl } from '#admin/event-control.ts';
import type { PartStatus } from '#admin/part-status.ts';
import type { Config } from '#config/schema.ts';
import type { SecurityEvent } from '#events/security-event.ts';
import type { Series } from '#telemetry/metrics.ts';
import type { NodePart, NodePartHost } from './node-parts.ts';
import type { FromPart } from './part-messages.ts';
import { eventFamilies } from './worker-events.ts';

const keptMax = 1_000;

export class NodeEvents implements NodePart, EventControl {
  readonly name = 'events';
  readonly #total: Series;
  #kept: SecurityEvent[] = [];

  constructor({ registry }: NodePartHost) {
    const { name, help } = eventFamilies.total;
    this.#total = registry.counter(name, help);
  }

  start(_config: Config): void {}

  follow(): void {}

  take({ events }: Extract<FromPart, { part: 'events' }>): void {
    this.#total.value += events.length;
    this.#kept = [...this.#kept, ...events].slice(-keptMax);
  }

  list(limit: number): readonly SecurityEvent[] {
    return this.#kept.slice(-limit).reverse();
  }

  status(): PartStatus['events'] {
    return { total: this.#total.value, kept: this.#kept.length };
  }

  close(): void {}
}
