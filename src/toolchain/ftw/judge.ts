/**
 * Whether a stage holds, in go-ftw's order: error, status, body, then the log. No list of exceptions, no
 * other expectation than the test's own.
 */
import type { ExchangeResult } from './exchange.ts';
import type { FtwOutput } from './test-file.ts';

export type StageResult = {
  readonly isPassed: boolean;
  /** The first expectation that does not hold; empty where all do. */
  readonly reason: string;
  readonly status: number | null;
  readonly ids: readonly number[];
};

export function judgeStage(
  output: FtwOutput,
  answer: ExchangeResult,
  lines: readonly string[],
): StageResult {
  const ids = [...new Set(lines.flatMap(idsOf))];
  const reason = failureOf(output, answer, lines, ids);
  const status = answer.kind === 'response' ? answer.status : null;
  return { isPassed: reason === '', reason, status, ids };
}

/** Whether the stage asks for something to happen; the others hold on an engine that is dead, too. */
export function isPositive(output: FtwOutput): boolean {
  return output.expectIds.length > 0 || output.matchRegex !== null;
}

function failureOf(
  output: FtwOutput,
  answer: ExchangeResult,
  lines: readonly string[],
  ids: readonly number[],
): string {
  if (output.expectError !== null) {
    if (output.expectError === (answer.kind === 'error')) return '';
    if (answer.kind === 'response') return `expected no parsable answer, got ${answer.status}`;
    return `expected an answer: ${answer.why}`;
  }
  if (answer.kind === 'error') return `no answer: ${answer.why}`;
  if (output.status !== null && output.status !== answer.status) {
    return `expected status ${output.status}, got ${answer.status}`;
  }
  if (output.responseContains !== null && !new RegExp(output.responseContains).test(answer.raw)) {
    return `the answer has nothing like ${output.responseContains}`;
  }
  const match = output.matchRegex === null ? null : new RegExp(output.matchRegex);
  if (match !== null && !lines.some((line) => match.test(line))) {
    return `no line of the log is like ${output.matchRegex}`;
  }
  const missing = output.expectIds.filter((id) => !ids.includes(id));
  if (missing.length > 0) return `not logged: ${missing.join(', ')}`;
  if (output.isIsolated && ids.length !== 1) return `logged beside it: ${ids.join(', ')}`;
  const noMatch = output.noMatchRegex === null ? null : new RegExp(output.noMatchRegex);
  const wrong = noMatch === null ? undefined : lines.find((line) => noMatch.test(line));
  if (wrong !== undefined) return `a line of the log is like ${output.noMatchRegex}`;
  const unwanted = output.noExpectIds.filter((id) => ids.includes(id));
  return unwanted.length > 0 ? `logged and should not be: ${unwanted.join(', ')}` : '';
}

/** ModSecurity's `[id "942100"]`, or the field of a JSON line. */
export function idsOf(line: string): readonly number[] {
  const classic = [...line.matchAll(/\[(?:id |\\?"id\\?":)\\?"([0-9]+)\\?"\]/g)];
  const found =
    classic.length > 0 ? classic : [...line.matchAll(/[{,]\s*"(?:id|ruleId)":\s*"?([0-9]+)"?/g)];
  return found.map((match) => Number(match[1]));
}
