/** Events of this worker: made when a request has ended, gathered, and sent to the supervisor's process. */
import { wallMs } from '#core/clock.ts';
import type { EventKind, SecurityEvent } from '#events/security-event.ts';
import type { RequestRecord } from '#proxy/request-record.ts';
import type { MetricFamily, Series } from '#telemetry/metrics.ts';
import type { WorkerPart, WorkerPartHost } from './worker-parts.ts';

/** How long an event waits for others to go with. */
const gatherMs = 100;
/** Events that wait; beyond it they are counted and lost. */
const waitingMax = 1_000;

export const eventFamilies = {
  total: {
    name: 'weir_events_total',
    type: 'counter',
    help: 'Security events of all workers.',
  },
  lost: {
    name: 'weir_events_lost_total',
    type: 'counter',
    help: 'Security events that found no room in their worker.',
  },
} as const satisfies Record<string, MetricFamily>;

export class WorkerEvents implements WorkerPart {
  readonly name = 'events';
  readonly #host: WorkerPartHost;
  readonly #lost: Series;
  #waiting: SecurityEvent[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(host: WorkerPartHost) {
    this.#host = host;
    const { name, help } = eventFamilies.lost;
    this.#lost = host.registry.counter(name, help);
  }

  follow(): void {}

  onRequest(record: RequestRecord): void {
    const kind = kindOf(record);
    if (kind === null) return;
    if (this.#waiting.length >= waitingMax) {
      this.#lost.value++;
      return;
    }
    this.#waiting.push(eventOf(record, kind));
    this.#timer ??= setTimeout(() => this.flush(), gatherMs).unref();
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting.length === 0) return;
    const events = this.#waiting;
    this.#waiting = [];
    this.#host.send({ part: 'events', events });
  }
}

function kindOf({ outcome, found, isEnforced, transaction }: RequestRecord): EventKind | null {
  if (outcome === 'blocked') {
    if (found?.kind === 'challenge') return 'challenged';
    return found?.kind === 'limited' ? 'limited' : 'blocked';
  }
  if (found !== null) return isEnforced ? null : 'monitored';
  // A rule that only watches among others that do not.
  if (transaction === null || transaction.isMonitored) return null;
  return transaction.monitoredCount > 0 ? 'monitored' : null;
}

function eventOf(record: RequestRecord, kind: EventKind): SecurityEvent {
  const { view, found, transaction } = record;
  return {
    id: record.id,
    atMs: wallMs(),
    kind,
    client: record.client,
    method: record.method,
    host: record.host,
    path: view.bytes.toString('latin1', view.pathStart, view.pathEnd),
    route: record.route?.name ?? '',
    status: record.status,
    rule: found?.rule ?? transaction?.monitoredRules[0] ?? '',
    reason: found?.reason ?? record.reason,
    matches: (transaction?.matches ?? []).map(({ matched: _, ...match }) => match),
    score: transaction?.score ?? 0,
    wafMs: record.wafMs,
  };
}
