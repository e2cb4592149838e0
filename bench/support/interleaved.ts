/** Takes turns, so that what else the machine does falls on all alike, and keeps the fastest of each. */
export function fastest(
  contenders: readonly (() => unknown)[],
  rounds: number,
  callsPerRound: number,
): readonly number[] {
  return fastestFresh(
    contenders.map((call) => () => call),
    rounds,
    callsPerRound,
  );
}

/** The same where each round needs something new: `contenders` make what is then called. µs a call. */
export function fastestFresh(
  contenders: readonly (() => () => unknown)[],
  rounds: number,
  callsPerRound: number,
): readonly number[] {
  const best = contenders.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [index, prepare] of contenders.entries()) {
      const call = prepare();
      const startedAt = process.hrtime.bigint();
      for (let i = 0; i < callsPerRound; i++) call();
      const us = Number(process.hrtime.bigint() - startedAt) / 1_000 / callsPerRound;
      if (us < (best[index] ?? 0)) best[index] = us;
    }
  }
  return best;
}
