/** Runs tests one after the other, each stage between its markers; a test passes if all its stages do. */
import { randomUUID } from 'node:crypto';
import { describeError, WeirError } from '#core/errors.ts';
import { type ExchangeTarget, exchange } from './exchange.ts';
import { isPositive, judgeStage, type StageResult } from './judge.ts';
import { LogWindow } from './log-window.ts';
import { requestBytes } from './request-bytes.ts';
import type { FtwStage, FtwTest } from './test-file.ts';

export type TestResult = {
  readonly name: string;
  readonly file: string;
  /** `error`: the test could not be carried out. */
  readonly outcome: 'pass' | 'fail' | 'error';
  readonly reason: string;
  /** Of the first stage that does not hold. */
  readonly status: number | null;
  readonly ids: readonly number[];
  readonly lines: readonly string[];
  readonly stages: readonly { readonly isPositive: boolean; readonly isPassed: boolean }[];
};

export type FtwSummary = {
  readonly tests: number;
  readonly passed: number;
  readonly failed: number;
  readonly errors: number;
  readonly stages: number;
  /** Stages that ask for a rule to fire, and those that would hold on an engine that is dead. */
  readonly positive: { readonly stages: number; readonly passed: number };
  readonly negative: { readonly stages: number; readonly passed: number };
};

export type FtwOptions = {
  readonly target: ExchangeTarget;
  readonly logFile: string;
  onResult?(result: TestResult): void;
};

const linesKept = 20;

export async function runTests(
  tests: readonly FtwTest[],
  options: FtwOptions,
): Promise<readonly TestResult[]> {
  const log = new LogWindow(options.logFile, options.target);
  const results: TestResult[] = [];
  for (const test of tests) {
    const result = await runTest(test, options.target, log);
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}

export function summaryOf(results: readonly TestResult[]): FtwSummary {
  const stages = results.flatMap((result) => result.stages);
  const tally = (wanted: boolean) => {
    const those = stages.filter((stage) => stage.isPositive === wanted);
    return { stages: those.length, passed: those.filter((stage) => stage.isPassed).length };
  };
  const count = (outcome: TestResult['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length;
  return {
    tests: results.length,
    passed: count('pass'),
    failed: count('fail'),
    errors: count('error'),
    stages: stages.length,
    positive: tally(true),
    negative: tally(false),
  };
}

async function runTest(test: FtwTest, target: ExchangeTarget, log: LogWindow): Promise<TestResult> {
  const { name, file } = test;
  const stages: { isPositive: boolean; isPassed: boolean }[] = [];
  let failed: { result: StageResult; lines: readonly string[] } | null = null;
  try {
    for (const stage of test.stages) {
      let { result, lines } = await runStage(name, stage, target, log);
      if (!result.isPassed && stage.output.retryOnce) {
        ({ result, lines } = await runStage(name, stage, target, log));
      }
      stages.push({ isPositive: isPositive(stage.output), isPassed: result.isPassed });
      if (!result.isPassed) failed ??= { result, lines };
    }
  } catch (error) {
    // A log without markers fails every test alike: nothing is learnt by going on.
    if (error instanceof WeirError && error.code === 'TESTS_FAILED') throw error;
    const reason = describeError(error);
    return { name, file, outcome: 'error', reason, status: null, ids: [], lines: [], stages };
  }
  if (failed === null) {
    return { name, file, outcome: 'pass', reason: '', status: null, ids: [], lines: [], stages };
  }
  const { reason, status, ids } = failed.result;
  const lines = failed.lines.slice(0, linesKept);
  return { name, file, outcome: 'fail', reason, status, ids, lines, stages };
}

async function runStage(
  name: string,
  { input, output }: FtwStage,
  target: ExchangeTarget,
  log: LogWindow,
): Promise<{ result: StageResult; lines: readonly string[] }> {
  const request = requestBytes(input);
  const id = `${name}-${randomUUID()}`;
  await log.start(id);
  const answer = await exchange(target, request);
  const lines = await log.end(id);
  return { result: judgeStage(output, answer, lines), lines };
}
