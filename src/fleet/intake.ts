/**
 * From bytes of whoever sent them to what is enforced here and said to be.
 *
 * ```
 * batch ─► waiting ─► take, many at a time ─┬─► changes ─► kernel and workers ─┬─► ack to each issuer
 *                                           │     └─ while one is made, the next ones gather
 *                                           └─► one turn of the event loop later: commit, one sync ─┘
 * ```
 *
 * What is decided is on its way to kernel and workers before this process waits for its disk, which under load takes
 * longer than all the rest of the way. Changes are made in the order they were taken in. An issuer hears of its batch
 * when it holds here and is on disk, and also when it was known already: it may not have heard it the first time.
 */

import { monotonicMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import type { AcceptResult, DecisionLog } from '#decisions/decision-log.ts';
import type { Change, FleetBlock } from '#decisions/enforced-decisions.ts';
import type { Logger } from '#telemetry/log.ts';

export type Enforced = {
  readonly version: number;
  readonly workers: number;
  readonly kernel: boolean;
};

/** Makes a change hold in the kernel and in every worker, as one union with the node's own list. */
export type Enforce = (change: Change) => Promise<Enforced>;

export type IntakeOptions = {
  readonly log: DecisionLog;
  readonly enforce: Enforce;
  readonly acknowledge: (issuer: string, sequence: number, enforced: Enforced) => void;
  readonly now: () => number;
  /** What lasts is measured by; a test has its own. */
  readonly monotonicMs?: () => number;
  readonly logger: Logger;
  readonly setProblem: (reason: string | null) => void;
  /** Something found no room. */
  readonly onLoss?: () => void;
};

export type IntakeCounts = {
  applied: number;
  duplicates: number;
  dropped: number;
  refused: Map<string, number>;
};

/** Taken in one turn of the event loop. */
const turnBatchesMax = 256;
/** Some thousand decisions; then others have their turn. */
const turnBytesMax = 512 * 1_024;
/** What waits to be taken in. */
export const waitingBytesMax = 64 * 1_048_576;
const warnMs = 1_000;
/**
 * A sync holds up the process: what comes in a row is written together, so that syncs take half of the time at most.
 * What stands alone does not wait.
 */
const writeEveryMinMs = 10;
const writeEveryMaxMs = 1_000;
/** A disk that took nothing is tried again. */
const writeAgainMs = 1_000;

type Held = { readonly issuer: string; readonly sequence: number };

export class Intake {
  readonly counts: IntakeCounts = { applied: 0, duplicates: 0, dropped: 0, refused: new Map() };
  readonly #options: IntakeOptions;
  readonly #monotonicMs: () => number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isScheduled = false;
  #isClosed = false;
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  /** One after another. */
  #enforcing: Promise<Enforced | null> = Promise.resolve(null);
  #change: { merged: Map<string, FleetBlock | null>; held: Held[] } | null = null;
  #last: Enforced = { version: 0, workers: 0, kernel: false };
  /** Of what was taken last: whether it is on disk. */
  #written: Promise<boolean> = Promise.resolve(true);
  #isWriting = false;
  #writeNextAtMs = Number.NEGATIVE_INFINITY;
  #writeAgain: NodeJS.Timeout | null = null;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? monotonicMs;
  }

  get last(): Enforced {
    return this.#last;
  }

  /** From the bus: taken in with whatever else comes meanwhile. What finds no room is asked for again. */
  take(bytes: Uint8Array): void {
    if (this.#waitingBytes + bytes.length > waitingBytesMax) {
      this.counts.dropped++;
      this.#options.onLoss?.();
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#flush());
  }

  /**
   * What a repair brings, in turns that leave the event loop to others in between. Returns how many of them were news.
   */
  async takeAll(list: readonly Uint8Array[]): Promise<number> {
    let applied = 0;
    for (let at = 0; at < list.length && !this.#isClosed; ) {
      const count = countOfTurn(list, at);
      applied += this.#accept(list.slice(at, at + count));
      at += count;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return applied;
  }

  /** Makes what was decided here hold here. */
  enforce(change: Change, held: readonly Held[] = []): Promise<Enforced | null> {
    this.#gather(change).held.push(...held);
    this.#enforcing = this.#enforcing.then((before) => this.#enforceGathered(before));
    return this.#enforcing;
  }

  /** With what waits to be made already. */
  #gather({ add, remove }: Change): { readonly held: Held[] } {
    this.#change ??= { merged: new Map(), held: [] };
    // The same target twice: what came later says what holds.
    for (const target of remove) this.#change.merged.set(target, null);
    for (const block of add) this.#change.merged.set(block.target, block);
    return this.#change;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting = [];
    if (this.#writeAgain !== null) clearTimeout(this.#writeAgain);
    await this.#enforcing;
  }

  #flush(): void {
    this.#isScheduled = false;
    if (this.#isClosed) return;
    const taken = this.#waiting.splice(0, countOfTurn(this.#waiting, 0));
    for (const bytes of taken) this.#waitingBytes -= bytes.length;
    this.#accept(taken);
    if (this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => this.#flush());
  }

  #accept(list: readonly Uint8Array[]): number {
    if (this.#isClosed || list.length === 0) return 0;
    const { log, now } = this.#options;
    const results: AcceptResult[] = [];
    try {
      for (const bytes of list) results.push(log.take(bytes, now()));
    } catch (error) {
      // The rest is asked for again by digest; what was taken goes its way.
      this.#failed(error, 'decisions cannot be looked up');
    }
    let applied = 0;
    const held: Held[] = [];
    for (const result of results) {
      if (result.kind === 'refused') {
        const { reason, issuer } = result;
        this.counts.refused.set(reason, (this.counts.refused.get(reason) ?? 0) + 1);
        this.#warn(reason, issuer);
        continue;
      }
      held.push({ issuer: result.issuer, sequence: result.sequence });
      if (result.kind === 'duplicate') {
        this.counts.duplicates++;
        continue;
      }
      applied++;
      this.counts.applied++;
      this.#gather(result.change);
    }
    if (applied > 0) this.#write();
    if (held.length > 0) void this.enforce({ add: [], remove: [] }, held);
    return applied;
  }

  /** After the turn of the event loop in which kernel and workers are told. */
  #write(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#written = new Promise((resolve) => {
      const restMs = this.#writeNextAtMs - this.#monotonicMs();
      if (restMs > 0) setTimeout(() => resolve(this.#writeNow()), restMs);
      else setImmediate(() => resolve(this.#writeNow()));
    });
  }

  /** Whether all that was taken is on disk. */
  #writeNow(): boolean {
    this.#isWriting = false;
    // Whoever closes the log writes what waits.
    if (this.#isClosed) return false;
    const startedAtMs = this.#monotonicMs();
    try {
      this.#options.log.write();
      this.#options.setProblem(null);
      return true;
    } catch (error) {
      this.#failed(error, 'decisions cannot be kept');
      this.#writeAgain ??= setTimeout(() => {
        this.#writeAgain = null;
        this.#write();
      }, writeAgainMs).unref();
      return false;
    } finally {
      const endedAtMs = this.#monotonicMs();
      const restMs = Math.max(endedAtMs - startedAtMs, writeEveryMinMs);
      this.#writeNextAtMs = endedAtMs + Math.min(restMs, writeEveryMaxMs);
    }
  }

  #failed(error: unknown, what: string): void {
    const reason = describeError(error);
    this.#options.logger.error({ reason }, what);
    this.#options.setProblem(`${what}: ${reason}`);
  }

  /** Once a second: whoever floods the bus does not flood the log. What was refused is counted, all of it. */
  #warn(reason: string, issuer: string | null): void {
    const now = this.#monotonicMs();
    if (now - this.#warnedAtMs < warnMs) return;
    this.#warnedAtMs = now;
    this.#options.logger.warn({ reason, issuer }, 'fleet batch refused');
  }

  async #enforceGathered(before: Enforced | null): Promise<Enforced | null> {
    const gathered = this.#change;
    // Made together with the one before.
    if (gathered === null) return before;
    this.#change = null;
    const written = this.#written;
    const { enforce, acknowledge, logger, setProblem } = this.#options;
    const add = [...gathered.merged.values()].filter((block) => block !== null);
    const remove = [...gathered.merged].flatMap(([target, block]) =>
      block === null ? [target] : [],
    );
    try {
      if (add.length > 0 || remove.length > 0) this.#last = await enforce({ add, remove });
    } catch (error) {
      const reason = describeError(error);
      logger.error({ reason }, 'fleet decisions are not in force');
      setProblem(`not everything the fleet decided is in force here: ${reason}`);
      return null;
    }
    const last = this.#last;
    void written.then((isWritten) => {
      if (isWritten)
        for (const { issuer, sequence } of gathered.held) acknowledge(issuer, sequence, last);
    });
    return last;
  }
}

/** How many, from a place on, are taken in one turn: the first in any case. */
function countOfTurn(list: readonly Uint8Array[], from: number): number {
  let bytes = 0;
  let at = from;
  for (; at < list.length && at - from < turnBatchesMax; at++) {
    bytes += list[at]?.length ?? 0;
    if (at > from && bytes > turnBytesMax) break;
  }
  return at - from;
}
