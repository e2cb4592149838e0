/** The members this one has heard of lately, and what they said of themselves. Bounded by the trust file. */
import type { Trust } from '#decisions/trust.ts';

/** The names of everybody else in the trust file; the list changes with it. */
export function otherMembers(trust: Trust, self: string): readonly string[] {
  const now = () => trust.members.map(({ id }) => id).filter((id) => id !== self);
  const others = now();
  trust.onReplaced(() => others.splice(0, others.length, ...now()));
  return others;
}

export type Peer = {
  readonly id: string;
  heardAtMs: number;
  /** Whether it knew what we knew when its last digest came; null before the first. */
  inStep: boolean | null;
  entries: number | null;
  /** Its clock less ours, with the time a message takes in it. */
  clockSkewMs: number | null;
  version: string | null;
};

export class Peers {
  readonly #isMember: (id: string) => boolean;
  readonly #presentMs: number;
  readonly #peers = new Map<string, Peer>();

  /** One that was not heard for `presentMs` is not there. */
  constructor(isMember: (id: string) => boolean, presentMs: number) {
    this.#isMember = isMember;
    this.#presentMs = presentMs;
  }

  /** Null for who is no member. */
  heard(id: string, nowMs: number, said: Partial<Omit<Peer, 'id' | 'heardAtMs'>>): Peer | null {
    if (!this.#isMember(id)) return null;
    const known = this.#peers.get(id) ?? {
      id,
      ...{ heardAtMs: nowMs, inStep: null, entries: null, clockSkewMs: null, version: null },
    };
    Object.assign(known, said, { heardAtMs: nowMs });
    this.#peers.set(id, known);
    return known;
  }

  present(nowMs: number): Peer[] {
    return [...this.#peers.values()].filter(({ heardAtMs }) => nowMs - heardAtMs < this.#presentMs);
  }

  /** The one whose clock is farthest from ours. */
  worstSkewMs(nowMs: number): number | null {
    let worst: number | null = null;
    for (const { clockSkewMs } of this.present(nowMs))
      if (clockSkewMs !== null && Math.abs(clockSkewMs) >= Math.abs(worst ?? 0))
        worst = clockSkewMs;
    return worst;
  }
}
