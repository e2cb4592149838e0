/** Cases for tests of the runner: written as in a file, run on a guest of `wasm-rules/testing/`. */
import assert from 'node:assert/strict';
import { grants } from '#config/module-schema.ts';
import { readCases } from '#wasm/cases/read-cases.ts';
import { type CaseModule, type CaseResult, runCases } from '#wasm/cases/run-cases.ts';
import { testLimits } from './guests.ts';

export function caseModule(bytes: Uint8Array, name = 'tested'): CaseModule {
  return {
    ...{ name, sha256: '', bytes, fuel: 2_000_000, memoryPagesMax: 256 },
    ...{ grants, fetch: [], databases: {} },
  };
}

export function resultsOf(module: CaseModule, file: object): readonly CaseResult[] {
  const read = readCases(JSON.stringify(file));
  assert(read.ok, JSON.stringify(read));
  return runCases(module, read.cases, testLimits);
}

/** What does not hold, one line each. */
export function problemsOf(module: CaseModule, file: object): string[] {
  return resultsOf(module, file).flatMap(({ name, differences }) =>
    differences.map(
      ({ what, expected, actual }) => `${name}: ${what}: expected ${expected}, got ${actual}`,
    ),
  );
}
