/**
 * When something of which target ends, the soonest first: a binary heap.
 *
 * What was put in is never taken out before its time; whoever is told of an end looks whether it still is one. When
 * most of the heap has become of no interest, its owner fills it anew.
 */
export class EndQueue {
  #times: number[] = [];
  #targets: string[] = [];

  get size(): number {
    return this.#times.length;
  }

  put(timeMs: number, target: string): void {
    const times = this.#times;
    const targets = this.#targets;
    let at = times.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((times[parent] as number) <= timeMs) break;
      times[at] = times[parent] as number;
      targets[at] = targets[parent] as string;
      at = parent;
    }
    times[at] = timeMs;
    targets[at] = target;
  }

  /** The next one whose time has come; null for none. */
  take(nowMs: number): string | null {
    const times = this.#times;
    const targets = this.#targets;
    if (times.length === 0 || (times[0] as number) > nowMs) return null;
    const target = targets[0] as string;
    const lastTime = times.pop() as number;
    const lastTarget = targets.pop() as string;
    if (times.length > 0) this.#sink(lastTime, lastTarget);
    return target;
  }

  clear(): void {
    this.#times = [];
    this.#targets = [];
  }

  #sink(timeMs: number, target: string): void {
    const times = this.#times;
    const targets = this.#targets;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= times.length) break;
      if (child + 1 < times.length && (times[child + 1] as number) < (times[child] as number))
        child++;
      if ((times[child] as number) >= timeMs) break;
      times[at] = times[child] as number;
      targets[at] = targets[child] as string;
      at = child;
    }
    times[at] = timeMs;
    targets[at] = target;
  }
}
