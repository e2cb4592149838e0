/**
 * Events of this worker: made when a request has ended, gathered, and sent to the supervisor's process.
 *
 * Masking what an event shows costs some ten microseconds, which a flood of attacks must not turn into the worker's main
 * work: of a second so many are made, and the rest is counted. What is closed before it says a request has no view; it
 * is told in sums.
 */
import type { Config } from '#config/schema.ts';
import { monotonicMs, wallMs } from '#core/clock.ts';
import { makeEvent, sumEvent } from '#events/make-event.ts';
import type { SecurityEvent } from '#events/security-event.ts';
import type { RequestRecord } from '#proxy/request-record.ts';
import type { MetricFamily, Series } from '#telemetry/metrics.ts';
import { endedRequest, kindOf } from './event-of-request.ts';
import type { ToPart } from './part-messages.ts';
import type { WorkerPart, WorkerPartHost } from './worker-parts.ts';

/** How long an event waits for others to go with. */
const gatherMs = 100;
/** Events that wait; beyond it they are counted and lost. */
const waitingMax = 1_000;
/** How often connections that were refused are told. */
const sumsMs = 10_000;
const refusedPrefix = 'weir_connections_refused_total{reason="';

export const eventFamilies = {
  total: {
    name: 'weir_events_total',
    type: 'counter',
    help: 'Security events by kind.',
  },
  lost: {
    name: 'weir_events_lost_total',
    type: 'counter',
    help: 'Security events that were not kept: made by no worker as it had made enough of the second, or without room in the line to the store, or not taken by it.',
  },
  kept: {
    name: 'weir_events_kept',
    type: 'gauge',
    help: 'Security events in the store of the node.',
  },
  sent: {
    name: 'weir_events_sent_total',
    type: 'counter',
    help: 'Security events delivered, by where they are sent.',
  },
  unsent: {
    name: 'weir_events_unsent_total',
    type: 'counter',
    help: 'Security events lost on their way, by where they were to be sent: no room in the line, or given up.',
  },
  sendFailures: {
    name: 'weir_events_send_failures_total',
    type: 'counter',
    help: 'Attempts to deliver security events that failed, by where they were to be sent.',
  },
  waiting: {
    name: 'weir_events_waiting',
    type: 'gauge',
    help: 'Security events in the line of each place they are sent to.',
  },
} as const satisfies Record<string, MetricFamily>;

export class WorkerEvents implements WorkerPart {
  readonly name = 'events';
  readonly #host: WorkerPartHost;
  readonly #lost: Series;
  readonly #refused = new Map<string, number>();
  #waiting: SecurityEvent[] = [];
  #timer: NodeJS.Timeout | null = null;
  #perSecondMax = 0;
  #secondBeganMs = 0;
  #madeInSecond = 0;

  constructor(host: WorkerPartHost) {
    this.#host = host;
    const { name, help } = eventFamilies.lost;
    this.#lost = host.registry.counter(name, help, { where: 'worker' });
    setInterval(() => this.#tellRefused(), sumsMs).unref();
  }

  follow({ events }: Config): void {
    this.#perSecondMax = events.perSecondMax;
  }

  onRequest(record: RequestRecord): void {
    const kind = kindOf(record);
    if (kind === null) return;
    if (!this.#mayMake()) {
      this.#lost.value++;
      return;
    }
    const policy = record.route?.matched ?? 'none';
    this.#add(makeEvent(kind, wallMs(), policy, endedRequest(record)));
  }

  /** Somebody looks: what has been answered by now is told. */
  take(message: ToPart): void {
    if (message.part === 'events') this.#send(message.ask);
  }

  flush(): void {
    if (this.#waiting.length > 0) this.#send(null);
  }

  #send(asked: number | null): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const events = this.#waiting;
    this.#waiting = [];
    if (!this.#host.send({ part: 'events', events, asked })) this.#lost.value += events.length;
  }

  #add(event: SecurityEvent): void {
    this.#waiting.push(event);
    this.#timer ??= setTimeout(() => this.flush(), gatherMs).unref();
  }

  #mayMake(): boolean {
    if (this.#waiting.length >= waitingMax) return false;
    const now = monotonicMs();
    if (now - this.#secondBeganMs >= 1_000) {
      this.#secondBeganMs = now;
      this.#madeInSecond = 0;
    }
    return this.#madeInSecond++ < this.#perSecondMax;
  }

  /** An event for each reason connections were refused by since the last time. */
  #tellRefused(): void {
    for (const [key, total] of this.#host.registry.samples()) {
      if (!key.startsWith(refusedPrefix)) continue;
      const fresh = total - (this.#refused.get(key) ?? 0);
      this.#refused.set(key, total);
      const reason = key.slice(refusedPrefix.length, -2);
      if (fresh > 0)
        this.#add(sumEvent('refused', wallMs(), `connections closed unheard: ${reason}`, fresh));
    }
  }
}
