/** Settings of property tests: a fresh seed each run, printed; `FC_SEED` runs one again. */
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';

export function propertySettings(
  test: TestContext,
  numRuns: number,
): { seed: number; numRuns: number } {
  const given = process.env['FC_SEED'];
  const seed = given === undefined ? randomInt(2 ** 31) : Number(given);
  test.diagnostic(`FC_SEED=${seed}`);
  return { seed, numRuns };
}
