/**
 * A request's way through its route's modules: each phase in the order of the route, the first stop
 * decides.
 *
 * ```
 * exchange ─► requestHead ─► requestBody ─► responseHead ─► responseBody ─► finish
 *                 │ null: go on   │ Stop: answer it   │ 'wait': onInspected comes later
 * ```
 *
 * In monitor mode everything is worked out, the first stop is kept for the log, and nothing is enforced:
 * neither stops nor changes of fields and bodies.
 */
import { assert } from '#core/assert.ts';
import { monotonicMs } from '#core/clock.ts';
import type { DeadlineTable, Expiring } from '#core/deadline-table.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import { type RequestFacts, Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import {
  type BodyWindow,
  type Filter,
  type FilterRun,
  type LogRecord,
  type PhaseAnswer,
  phase,
  waitMsMax,
} from '#wasm/filter.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import type { ModuleSeries } from './module-series.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import type { CompiledRoute } from './snapshot.ts';

export const factsForRules = (
  { isTls, ja4, certificate }: ConnectionFacts,
  clientAddress: string,
): RequestFacts => ({ clientAddress, tls: isTls, ja4, certificate });

export interface Inspected {
  /** A phase that was waited for has ended; null: go on. */
  onInspected(stop: Stop | null): void;
  /** The client shows a pass: a challenge lets its request go on. */
  readonly isAdmitted: boolean;
}

export class Inspection implements Expiring {
  deadlineAt = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly transaction: Transaction;
  /** The first stop, enforced or not. */
  found: Stop | null = null;
  /** Time spent in modules. */
  spentMs = 0;
  readonly #filters: readonly Filter[];
  readonly #runs: readonly FilterRun[];
  readonly #series: readonly ModuleSeries[];
  readonly #phases: number;
  readonly #blockAtScore: number;
  readonly #owner: Inspected;
  readonly #deadlines: DeadlineTable;
  #bit = 0;
  #next = 0;
  #window: BodyWindow | null = null;
  #endOfStream = false;
  #waiting = false;
  #ended = false;

  constructor(
    route: CompiledRoute,
    view: RequestView,
    facts: RequestFacts,
    requestId: string,
    owner: Inspected,
    deadlines: DeadlineTable,
  ) {
    const { filters, blockAtScore, name, mode } = route;
    const transaction = new Transaction(
      view,
      facts,
      requestId,
      name,
      route.upstream.name,
      mode === 'monitor',
    );
    this.#filters = filters;
    this.#series = route.moduleSeries;
    this.transaction = transaction;
    this.#blockAtScore = blockAtScore;
    this.#owner = owner;
    this.#deadlines = deadlines;
    let phases = 0;
    for (const filter of filters) phases |= filter.phases;
    this.#phases = phases;
    this.#runs = filters.map((filter, index) =>
      filter.begin(transaction, (answer) => this.#resume(index, answer)),
    );
  }

  wants(bits: number): boolean {
    if ((this.#phases & bits) === 0) return false;
    for (let i = 0; i < this.#runs.length; i++)
      if (
        ((this.#filters[i] as Filter).phases & bits) !== 0 &&
        (this.#runs[i]?.wants?.(bits) ?? true)
      )
        return true;
    return false;
  }

  requestHead(endOfStream: boolean): PhaseAnswer {
    return this.#begin(phase.requestHead, null, endOfStream);
  }

  requestBody(window: BodyWindow): PhaseAnswer {
    return this.#begin(phase.requestBody, window, window.isLast);
  }

  /** The view is borrowed until the answer is there. */
  responseHead(view: ResponseView, endOfStream: boolean): PhaseAnswer {
    this.transaction.response = view;
    return this.#begin(phase.responseHead, null, endOfStream);
  }

  responseBody(view: ResponseView, window: BodyWindow): PhaseAnswer {
    this.transaction.response = view;
    return this.#begin(phase.responseBody, window, window.isLast);
  }

  /** Where the host cannot wait: the module that asked for it has failed. The owner gets the answer. */
  giveUp(): void {
    const filter = this.#filters[this.#next] as Filter;
    this.#resume(this.#next, filter.fail('it wants to wait in the middle of a body'));
  }

  /** The last call; safe to make while something is waited for. */
  finish(metrics: ProxyMetrics, record: LogRecord): void {
    if (this.#ended) return;
    this.#ended = true;
    metrics.wafDuration.observe(this.spentMs / 1_000);
    if (this.found !== null && this.transaction.isMonitored) metrics.monitored.value++;
    this.#stopWaiting();
    for (let i = 0; i < this.#runs.length; i++) {
      const run = this.#runs[i] as FilterRun;
      if (((this.#filters[i] as Filter).phases & phase.log) !== 0) run.log(record);
      run.end();
    }
  }

  onDeadline(): void {
    const filter = this.#filters[this.#next] as Filter;
    this.#resume(this.#next, filter.fail(`no word from it for ${waitMsMax} ms`));
  }

  #begin(bit: number, window: BodyWindow | null, endOfStream: boolean): PhaseAnswer {
    assert(!this.#waiting, 'one phase at a time');
    if ((this.#phases & bit) === 0) return null;
    this.#bit = bit;
    this.#window = window;
    this.#endOfStream = endOfStream;
    this.#next = 0;
    return this.#advance();
  }

  #advance(): PhaseAnswer {
    let answer: PhaseAnswer = null;
    let startedAt = monotonicMs();
    for (; this.#next < this.#runs.length; this.#next++) {
      const filter = this.#filters[this.#next] as Filter;
      if ((filter.phases & this.#bit) === 0) continue;
      const fuelBefore = filter.fuelUsed;
      answer = this.#call(this.#runs[this.#next] as FilterRun);
      const endedAt = monotonicMs();
      const series = this.#series[this.#next] as ModuleSeries;
      const fuel = filter.fuelUsed - fuelBefore;
      // Nothing ran in a module that is off.
      if (fuel > 0) series.observe(this.#bit, endedAt - startedAt, fuel);
      this.spentMs += endedAt - startedAt;
      startedAt = endedAt;
      if (answer === 'wait') {
        this.#waiting = true;
        this.deadlineAt = monotonicMs() + waitMsMax;
        this.#deadlines.add(this);
        break;
      }
      answer = this.#judge(answer);
      if (answer !== null) break;
    }
    return answer;
  }

  #call(run: FilterRun): PhaseAnswer {
    switch (this.#bit) {
      case phase.requestHead:
        return run.requestHead(this.#endOfStream);
      case phase.requestBody:
        return run.requestBody(this.#window as BodyWindow);
      case phase.responseHead:
        return run.responseHead(this.#endOfStream);
      default:
        return run.responseBody(this.#window as BodyWindow);
    }
  }

  /** What of a module's answer holds. */
  #judge(answer: Stop | null): Stop | null {
    const holds = answer?.kind === 'challenge' && this.#owner.isAdmitted ? null : answer;
    if (holds !== null) this.#series[this.#next]?.stopped(holds.kind);
    const stop = holds ?? this.#scoreStop();
    if (stop === null) return null;
    // A rule set has said what matched, rule by rule.
    if (stop.matches === undefined) this.#note(stop);
    this.found ??= stop;
    return this.transaction.isMonitored ? null : stop;
  }

  #note({ rule, reason, target, matched }: Stop): void {
    const { transaction } = this;
    const mode = transaction.isMonitored ? 'monitor' : 'block';
    transaction.addMatch({
      rule,
      message: reason,
      severity: null,
      tags: [],
      target,
      matched,
      mode,
    });
  }

  #scoreStop(): Stop | null {
    const { score } = this.transaction;
    if (score < this.#blockAtScore) return null;
    return {
      kind: 'block',
      status: 403,
      rule: 'weir/score',
      reason: `the score of ${score} reaches ${this.#blockAtScore}`,
      target: 'score',
      matched: '',
    };
  }

  #resume(index: number, answer: Stop | null): void {
    // Late words, of a module that was given up on or of a request that is over, count for nothing.
    if (!this.#waiting || this.#ended || index !== this.#next) return;
    this.#stopWaiting();
    let stop: PhaseAnswer = this.#judge(answer);
    if (stop === null) {
      this.#next++;
      stop = this.#advance();
    }
    if (stop !== 'wait') this.#owner.onInspected(stop);
  }

  #stopWaiting(): void {
    this.#waiting = false;
    if (this.deadlineSlot >= 0) this.#deadlines.remove(this);
  }
}
