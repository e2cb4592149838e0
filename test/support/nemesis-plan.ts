/** Which faults happen when: the same from the same seed, in rounds, after each of which all is well again. */
import type { Direction } from './nemesis-net.ts';
import { randomOf } from './random.ts';

export type FaultKind =
  | 'kill'
  | 'power cut'
  | 'partition'
  | 'pause'
  | 'clock step'
  | 'stream wiped'
  | 'stream rolled back'
  | 'redelivery';

export type Fault = {
  readonly kind: FaultKind;
  readonly victim: string;
  /** In its round. */
  readonly atMs: number;
  readonly lastsMs: number;
  readonly direction: Direction;
  /** Of a clock, from the true time. */
  readonly offsetMs: number;
  /** For what chance decides while it happens. */
  readonly seed: number;
};

export const clockOffsetMaxMs = 300_000;
const faultsARound = 10;
const roundMs = 9_000;
const shortestMs = 200;
const longestMs = 5_000;
const directions: readonly Direction[] = ['both', 'both', 'in', 'out'];

/** Kinds by how often they come. */
const shares: readonly (readonly [FaultKind, 'node' | 'bus' | 'orchestrator', number])[] = [
  ['kill', 'node', 14],
  ['power cut', 'node', 14],
  ['partition', 'node', 16],
  ['pause', 'node', 8],
  ['clock step', 'node', 12],
  ['kill', 'bus', 6],
  ['stream wiped', 'bus', 4],
  ['stream rolled back', 'bus', 4],
  ['partition', 'bus', 3],
  ['pause', 'bus', 3],
  ['kill', 'orchestrator', 2],
  ['power cut', 'orchestrator', 3],
  ['partition', 'orchestrator', 2],
  ['pause', 'orchestrator', 1],
  ['clock step', 'orchestrator', 2],
  ['redelivery', 'bus', 6],
];

export function planFaults(seed: number, count: number, nodes: readonly string[]): Fault[][] {
  const random = randomOf(seed);
  const whole = (most: number): number => Math.floor(random() * most);
  const sum = shares.reduce((total, [, , share]) => total + share, 0);
  const rounds: Fault[][] = [];
  for (let left = count; left > 0; left -= faultsARound) {
    const round = Array.from({ length: Math.min(left, faultsARound) }, (): Fault => {
      let at = random() * sum;
      const found = shares.find(([, , share]) => (at -= share) < 0) ?? shares[0];
      const [kind, whom] = found as (typeof shares)[number];
      return {
        kind,
        victim: whom === 'node' ? (nodes[whole(nodes.length)] as string) : whom,
        atMs: whole(roundMs),
        lastsMs: shortestMs + Math.floor(random() ** 2 * (longestMs - shortestMs)),
        direction: directions[whole(directions.length)] ?? 'both',
        offsetMs: whole(2 * clockOffsetMaxMs + 1) - clockOffsetMaxMs,
        seed: whole(2 ** 31),
      };
    });
    rounds.push(round.toSorted((a, b) => a.atMs - b.atMs));
  }
  return rounds;
}

export function describeFault({ kind, victim, lastsMs, direction, offsetMs }: Fault): string {
  const how =
    kind === 'clock step'
      ? `to ${Math.round(offsetMs / 1_000)} s`
      : kind === 'partition'
        ? `${direction}, ${lastsMs} ms`
        : `${lastsMs} ms`;
  return `${kind} of ${victim}, ${how}`;
}
