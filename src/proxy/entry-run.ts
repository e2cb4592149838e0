/**
 * One module's part in one request, as far as its mode lets it have one.
 *
 * ```
 * block      module ─► transaction                         stop: as it is
 * challenge  module ─► transaction                         block: challenge
 * monitor    module ─► shadow of it, which nobody reads     stop: noted
 * by rule    module ─► shadow ─► adopted, unless the rule of the stop is off or watches
 * ```
 *
 * Rule sets of SecLang carry the modes of single rules out themselves. On a route that watches as a whole, modules see
 * what the others leave, so that what is found is what would be, and the forwarder takes nothing of it.
 */
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import type { FilterRun, Resume } from '#wasm/filter.ts';
import type { RouteEntry } from './route-entries.ts';

export class EntryRun {
  readonly entry: RouteEntry;
  readonly run: FilterRun;
  readonly #transaction: Transaction;
  readonly #shadow: Transaction | null;

  constructor(entry: RouteEntry, transaction: Transaction, resume: Resume) {
    const { filter, modes } = entry;
    const watches = modes.mode === 'monitor';
    const byRule = modes.hasRows && filter.ruleSet === undefined;
    this.entry = entry;
    this.#transaction = transaction;
    this.#shadow =
      byRule || (watches && !transaction.isMonitored) ? transaction.shadow(watches) : null;
    this.run = filter.begin(this.#shadow ?? transaction, resume, modes);
  }

  /** Whether anything may come of what it finds. */
  get enforces(): boolean {
    return this.entry.modes.mode !== 'monitor';
  }

  /** Its rules' blocks are challenges, and so are its points. */
  get challenges(): boolean {
    return this.entry.modes.mode === 'challenge';
  }

  /** Before each of its calls. */
  prepare(): void {
    this.#shadow?.follow(this.#transaction);
  }

  /** What of an answer holds; what only watches is noted. */
  judge(answer: Stop | null): Stop | null {
    const { filter, modes } = this.entry;
    if (answer === null) {
      if (modes.mode !== 'monitor' || this.#transaction.isMonitored) this.#adopt();
      return null;
    }
    const mode =
      filter.ruleSet === undefined
        ? modes.of({ name: answer.rule, id: null, tags: [] })
        : modes.mode;
    if (mode === 'off') return null;
    if (mode === 'monitor') {
      this.#transaction.noteStop(answer, 'monitor');
      return null;
    }
    this.#adopt();
    // A module that fails has found nothing: its policy stays.
    return mode === 'challenge' &&
      answer.kind === 'block' &&
      answer.rule !== `${filter.name}/failure`
      ? { ...answer, kind: 'challenge' }
      : answer;
  }

  #adopt(): void {
    if (this.#shadow !== null) this.#transaction.adopt(this.#shadow);
  }
}
