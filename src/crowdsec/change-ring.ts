/**
 * Which targets of the block list have changed since a version of it, as long as that is known: what a bouncer asks
 * for that was here before. One that asks for longer ago than the ring reaches gets the whole list.
 */
export const changesMax = 200_000;

export class ChangeRing {
  readonly #changesMax: number;
  readonly #changes: { readonly version: number; readonly target: string }[] = [];
  /** Of the newest change that is not known any more. */
  #forgotten: number;

  constructor(version: number, max = changesMax) {
    this.#forgotten = version;
    this.#changesMax = max;
  }

  note(version: number, targets: readonly string[]): void {
    for (const target of targets) this.#changes.push({ version, target });
    if (this.#changes.length <= this.#changesMax) return;
    // Half of it at once: to move the rest costs as much as it holds.
    const cut = this.#changes.length - Math.floor(this.#changesMax / 2);
    const gone = this.#changes.splice(0, cut).at(-1);
    if (gone !== undefined) this.#forgotten = gone.version;
  }

  /** Each once; null where not all of them are known. */
  since(version: number): ReadonlySet<string> | null {
    if (version < this.#forgotten) return null;
    const targets = new Set<string>();
    for (let at = this.#changes.length - 1; at >= 0; at--) {
      const change = this.#changes[at];
      if (change === undefined || change.version <= version) break;
      targets.add(change.target);
    }
    return targets;
  }
}
