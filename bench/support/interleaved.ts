/** Takes turns, so that what else the machine does falls on all alike, and keeps the fastest of each. */
export function fastest(
  contenders: readonly (() => void)[],
  rounds: number,
  callsPerRound: number,
): readonly number[] {
  const best = contenders.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [index, call] of contenders.entries()) {
      const startedAt = process.hrtime.bigint();
      for (let i = 0; i < callsPerRound; i++) call();
      const us = Number(process.hrtime.bigint() - startedAt) / 1_000 / callsPerRound;
      if (us < (best[index] ?? 0)) best[index] = us;
    }
  }
  return best;
}
