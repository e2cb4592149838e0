/** The thread behind `compilePatterns`: one message a pattern, in order. */
import { parentPort, workerData } from 'node:worker_threads';
import { compilePattern } from './compile-pattern.ts';
import type { PatternOutcome } from './compile-patterns.ts';
import { PatternCache } from './pattern-cache.ts';
import { parsePattern } from './pattern-parser.ts';

export type CompileRequest = {
  readonly sources: readonly string[];
  readonly cacheFolder: string | null;
};

export type CompileReport = {
  readonly index: number;
  readonly outcome: PatternOutcome;
  readonly fromCache: boolean;
};

const { sources, cacheFolder } = workerData as CompileRequest;
const cache = cacheFolder === null ? null : new PatternCache(cacheFolder);
sources.forEach((source, index) => {
  const known = cache?.read(source) ?? null;
  const outcome = known ?? compile(source);
  const report: CompileReport = { index, outcome, fromCache: known !== null };
  parentPort?.postMessage(report);
});

function compile(source: string): PatternOutcome {
  const pattern = parsePattern(source);
  if ('problem' in pattern) return pattern;
  const compiled = compilePattern(pattern);
  if (!('problem' in compiled)) cache?.write(source, compiled);
  return compiled;
}
