/**
 * Events of the node, from all its workers and from its own parts: kept in the store, and sent to wherever the
 * configuration says.
 *
 * ```
 * workers ─┐            ┌─► line ─► store, a batch four times a second
 *   parts ─┴─► ECS form ┤
 *                       └─► a line for each place they are sent to (`#events/sinks/`)
 * ```
 *
 * Nothing waits for any of it: what finds no room is counted, and what fails stands in `weir status` with its reason.
 */
import type { EventControl } from '#admin/event-control.ts';
import type { PartStatus } from '#admin/part-status.ts';
import type { Config } from '#config/schema.ts';
import { wallMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { type EcsEvent, ecsEvent } from '#events/ecs-event.ts';
import { EventSinks } from '#events/event-sinks.ts';
import {
  type CountedBy,
  type EventCount,
  type EventFilter,
  EventStore,
  type StoreBounds,
  type StoredEvent,
} from '#events/event-store.ts';
import type { SecurityEvent } from '#events/security-event.ts';
import type { Series } from '#telemetry/metrics.ts';
import type { NodePart, NodePartHost } from './node-parts.ts';
import type { EventsMade } from './part-messages.ts';
import { eventFamilies } from './worker-events.ts';

const writeMs = 250;
/** Events on their way to the store; beyond it they are counted and lost. */
const lineMax = 20_000;
/** In one transaction: it holds up the supervisor's process for as long. */
const batchMax = 500;
/** Workers may take so long to tell what they have. */
const askMs = 1_000;
const dayMs = 86_400_000;
const storePart = 'store of events';

export class NodeEvents implements NodePart, EventControl {
  readonly name = 'events';
  readonly #host: NodePartHost;
  readonly #lost: Series;
  readonly #kept: Series;
  readonly #sinks: EventSinks;
  #bounds: StoreBounds = { eventsMax: 1, ageMs: dayMs };
  #store: EventStore | null = null;
  #line: EcsEvent[] = [];
  #total = 0;
  #timer: NodeJS.Timeout | null = null;
  readonly #workers = new Set<number>();
  /** Of the last question to the workers, and who has not answered it. */
  #ask = 0;
  #awaited = new Set<number>();
  #allTold: () => void = () => {};
  #asking: Promise<void> = Promise.resolve();

  constructor(host: NodePartHost) {
    this.#host = host;
    const { lost, kept } = eventFamilies;
    this.#lost = host.registry.counter(lost.name, lost.help, { where: 'node' });
    this.#kept = host.registry.gauge(kept.name, kept.help);
    this.#sinks = new EventSinks(host.setDegraded);
  }

  start(config: Config): void {
    try {
      this.#store = EventStore.open(this.#host.statePath);
      this.#host.setDegraded(storePart, null);
      this.#kept.value = this.#store.count;
    } catch (error) {
      // Requests do not depend on it; who looks for events hears why there are none.
      this.#host.setDegraded(storePart, describeError(error));
    }
    this.follow(config);
    this.#timer ??= setInterval(() => this.#write(), writeMs).unref();
  }

  follow({ events }: Config): void {
    const { eventsMax, days } = events.keep;
    this.#bounds = { eventsMax, ageMs: days * dayMs };
    this.#sinks.follow(events.to);
  }

  take({ events, asked }: EventsMade, slot: number): void {
    this.note(events);
    if (asked === this.#ask) this.#told(slot);
  }

  join(slot: number): void {
    this.#workers.add(slot);
  }

  leave(slot: number): void {
    this.#workers.delete(slot);
    this.#told(slot);
  }

  /** What another part of the node has to say. */
  note(events: readonly SecurityEvent[]): void {
    const { total } = eventFamilies;
    const { registry } = this.#host;
    for (const { kind, count } of events)
      registry.counter(total.name, total.help, { kind }).value += count;
    this.#total += events.length;
    const made = events.map(ecsEvent);
    this.#sinks.offer(made);
    const room = Math.max(0, lineMax - this.#line.length);
    this.#lost.value += Math.max(0, made.length - room);
    this.#line.push(...made.slice(0, room));
  }

  // ── what is asked ─────────────────────────────────────────────────────────────────────────────────

  async list(filter: EventFilter, limit: number, after: number | null): Promise<StoredEvent[]> {
    await this.#gather();
    return this.#open.list(filter, limit, after);
  }

  get newestPlace(): number {
    return this.#open.newestPlace;
  }

  async find(id: string): Promise<StoredEvent> {
    await this.#gather();
    const found = id === 'last' ? this.#open.list({}, 1, null)[0] : this.#open.find(id);
    if (found === null || found === undefined)
      throw new WeirError(
        'EVENT_UNKNOWN',
        `no event and no request "${id}" is kept; weir events tail shows the newest`,
      );
    return found;
  }

  async counts(
    by: CountedBy,
    filter: EventFilter,
    sinceMs: number,
    limit: number,
  ): Promise<EventCount[]> {
    await this.#gather();
    return this.#open.counts(by, filter, sinceMs, limit);
  }

  status(): PartStatus['events'] {
    this.#observe();
    return {
      total: this.#total,
      kept: this.#store === null ? null : this.#kept.value,
      lost: this.#lost.value,
      sinks: this.#sinks.status,
    };
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    while (this.#line.length > 0 && this.#store !== null) this.#write();
    await this.#sinks.close();
    this.#store?.close();
    this.#store = null;
  }

  /** What every worker has made by now is in the store, so that who has an answer finds its event. */
  async #gather(): Promise<void> {
    const before = this.#asking;
    this.#asking = (async () => {
      await before;
      this.#ask++;
      this.#awaited = new Set(this.#workers);
      if (this.#awaited.size > 0)
        await new Promise<void>((resolve) => {
          // A worker that is busy with a change says it later.
          const timer = setTimeout(resolve, askMs);
          this.#allTold = () => {
            clearTimeout(timer);
            resolve();
          };
          this.#host.send({ part: 'events', ask: this.#ask });
        });
      while (this.#line.length > 0) this.#write();
    })();
    await this.#asking;
  }

  #told(slot: number): void {
    if (this.#awaited.delete(slot) && this.#awaited.size === 0) this.#allTold();
  }

  get #open(): EventStore {
    if (this.#store === null)
      throw new WeirError('STATE_UNUSABLE', 'events are not kept: weir status says why');
    return this.#store;
  }

  #write(): void {
    this.#observe();
    const store = this.#store;
    if (store === null) {
      this.#lost.value += this.#line.length;
      this.#line = [];
      return;
    }
    if (this.#line.length === 0) return;
    const batch = this.#line.splice(0, batchMax);
    try {
      store.add(batch, this.#bounds, wallMs());
      this.#kept.value = store.count;
      this.#host.setDegraded(storePart, null);
    } catch (error) {
      this.#lost.value += batch.length;
      this.#host.setDegraded(storePart, describeError(error));
    }
  }

  /** What the places say of themselves, as series. */
  #observe(): void {
    const { sent, unsent, sendFailures, waiting } = eventFamilies;
    const { registry } = this.#host;
    for (const sink of this.#sinks.status) {
      const to = { to: sink.name };
      registry.counter(sent.name, sent.help, to).value = sink.sent;
      registry.counter(unsent.name, unsent.help, to).value = sink.lost;
      registry.counter(sendFailures.name, sendFailures.help, to).value = sink.failures;
      registry.gauge(waiting.name, waiting.help, to).value = sink.waiting;
    }
  }
}
