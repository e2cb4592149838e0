/**
 * Which targets of the block list have changed since a version, as long as that is known: what a bouncer asks for that
 * was here before. One that asks for longer ago than the ring reaches gets the whole list. Versions are the ring's own:
 * that of the block list counts up before a change is in force.
 */
export const changesMax = 200_000;

export class ChangeRing {
  readonly #changesMax: number;
  readonly #changes: { readonly version: number; readonly target: string }[] = [];
  /** Of the newest change that is not known any more. */
  #forgotten = 0;
  #version = 0;

  constructor(max = changesMax) {
    this.#changesMax = max;
  }

  get version(): number {
    return this.#version;
  }

  note(targets: readonly string[]): void {
    const version = ++this.#version;
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
