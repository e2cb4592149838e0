/**
 * A request's way through its route's modules: each phase in the order of the route, the first stop
 * decides.
 *
 * ```
 * exchange ─► requestHead ─► requestBody ─► responseHead ─► responseBody ─► finish
 *                 │ null: go on   │ Stop: answer it   │ 'wait': onInspected comes later
 * ```
 *
 * What a stop comes to is the business of its rule's mode (`entry-run.ts`): it ends the request, is challenged, or is
 * kept for the log. On a route in monitor mode nothing is enforced: neither stops nor changes of fields and bodies.
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
  type FilterRun,
  type LogRecord,
  type PhaseAnswer,
  phase,
  type Resume,
  waitMsMax,
} from '#wasm/filter.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import { EntryRun } from './entry-run.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import type { RouteEntry } from './route-entries.ts';
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
  /** The stop that ended the request. */
  #enforced: Stop | null = null;
  /** Time spent in modules. */
  spentMs = 0;
  /** No module looks at a body behind the call that shows it. */
  readonly looksAtOnce: boolean;
  readonly #runs: EntryRun[] = [];
  readonly #phases: number;
  readonly #blockAtScore: number;
  readonly #owner: Inspected;
  readonly #deadlines: DeadlineTable;
  /** Points of modules that challenge. */
  #challengedScore = 0;
  /** Before the call that is judged. */
  #scoreBefore = 0;
  #monitoredBefore = 0;
  #isAdmitted: boolean | null = null;
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
    const { entries, blockAtScore, name, mode } = route;
    const transaction = new Transaction(
      view,
      facts,
      requestId,
      name,
      route.upstream.name,
      mode === 'monitor',
    );
    this.transaction = transaction;
    this.#blockAtScore = blockAtScore;
    this.#owner = owner;
    this.#deadlines = deadlines;
    let phases = 0;
    let looksAtOnce = true;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as RouteEntry;
      const { filter } = entry;
      phases |= filter.phases;
      if ((filter.phases & bodyPhases) !== 0 && filter.abi !== 'seclang') looksAtOnce = false;
      const resume: Resume =
        filter.abi === 'seclang' ? neverWaits : (answer) => this.#resume(index, answer);
      this.#runs.push(new EntryRun(entry, transaction, resume));
    }
    this.#phases = phases;
    this.looksAtOnce = looksAtOnce;
  }

  /** The stop that ended the request, or else the first one that was not enforced. */
  get found(): Stop | null {
    return this.#enforced ?? this.transaction.watched;
  }

  get isEnforced(): boolean {
    return this.#enforced !== null;
  }

  wants(bits: number): boolean {
    if ((this.#phases & bits) === 0) return false;
    for (const one of this.#runs) if (wantsOf(one, bits)) return true;
    return false;
  }

  /** Some module whose findings hold wants it. */
  enforces(bits: number): boolean {
    return this.#runs.some((one) => one.enforces && wantsOf(one, bits));
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

  /** Where the host cannot wait: the module that asked for it has failed. The phase goes on behind it. */
  giveUp(): Stop | null {
    let answer: PhaseAnswer = 'wait';
    while (answer === 'wait') {
      const { filter } = (this.#runs[this.#next] as EntryRun).entry;
      this.#stopWaiting();
      answer = this.#judge(filter.fail('it wants to wait in the middle of a body'));
      if (answer !== null) break;
      this.#next++;
      answer = this.#advance();
    }
    return answer;
  }

  /** The last call; safe to make while something is waited for. */
  finish(metrics: ProxyMetrics, record: LogRecord): void {
    if (this.#ended) return;
    this.#ended = true;
    metrics.wafDuration.observe(this.spentMs / 1_000);
    if (this.#enforced === null && this.transaction.watched !== null) metrics.monitored.value++;
    this.#stopWaiting();
    for (const one of this.#runs) {
      one.prepare();
      if ((one.entry.filter.phases & phase.log) !== 0) one.run.log(record);
      one.run.end();
    }
  }

  onDeadline(): void {
    const { filter } = (this.#runs[this.#next] as EntryRun).entry;
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
    let startedAt = -1;
    for (; this.#next < this.#runs.length; this.#next++) {
      const one = this.#runs[this.#next] as EntryRun;
      const { filter, series } = one.entry;
      if ((filter.phases & this.#bit) === 0) continue;
      if (one.run.defers?.(this.#bit, this.#endOfStream) === true) continue;
      if (startedAt < 0) startedAt = monotonicMs();
      const fuelBefore = filter.fuelUsed;
      one.prepare();
      this.#scoreBefore = this.transaction.score;
      answer = this.#call(one.run);
      const endedAt = monotonicMs();
      const fuel = filter.fuelUsed - fuelBefore;
      // Nothing ran in a module that is off.
      if (fuel > 0) series?.observe(this.#bit, endedAt - startedAt, fuel);
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

  /** What of a module's answer ends the request. */
  #judge(answer: Stop | null): Stop | null {
    const { transaction } = this;
    const one = this.#runs[this.#next] as EntryRun;
    const { series } = one.entry;
    const held = one.judge(answer);
    if (one.challenges) this.#challengedScore += transaction.score - this.#scoreBefore;
    series?.watched(transaction.monitoredCount - this.#monitoredBefore);
    this.#monitoredBefore = transaction.monitoredCount;
    const stop = this.#unlessAdmitted(held);
    if (answer !== null && (held === null || stop !== null)) series?.stopped((held ?? answer).kind);
    return this.#enforce(stop ?? this.#unlessAdmitted(this.#scoreStop()));
  }

  #enforce(stop: Stop | null): Stop | null {
    if (stop === null) return null;
    const { transaction } = this;
    const mode = stop.kind === 'challenge' ? 'challenge' : 'block';
    transaction.noteStop(stop, transaction.isMonitored ? 'monitor' : mode);
    if (transaction.isMonitored) return null;
    this.#enforced = stop;
    return stop;
  }

  /** A challenge is nothing to a client that shows a pass; asked once a request. */
  #unlessAdmitted(stop: Stop | null): Stop | null {
    if (stop?.kind !== 'challenge') return stop;
    this.#isAdmitted ??= this.#owner.isAdmitted;
    return this.#isAdmitted ? null : stop;
  }

  /** Points of modules that challenge make a challenge of what would not be blocked without them. */
  #scoreStop(): Stop | null {
    const { score } = this.transaction;
    if (score < this.#blockAtScore) return null;
    const finding = {
      rule: 'weir/score',
      reason: `the score of ${score} reaches ${this.#blockAtScore}`,
      target: 'score',
      matched: '',
    };
    return score - this.#challengedScore < this.#blockAtScore
      ? { kind: 'challenge', ...finding }
      : { kind: 'block', status: 403, ...finding };
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

const bodyPhases = phase.requestBody | phase.responseBody;
const neverWaits: Resume = () => {};

const wantsOf = ({ entry, run }: EntryRun, bits: number): boolean =>
  (entry.filter.phases & bits) !== 0 && (run.wants?.(bits) ?? true);
