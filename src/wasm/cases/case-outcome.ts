/** What a module made of one request, and how that differs from what a case expects. */
import type { FieldEdit, Transaction } from '#waf/transaction.ts';
import { type Stop, statusOfStop } from '#waf/verdict.ts';
import type { CaseStep, ExpectedVerdict } from './case-schema.ts';

export type StepOutcome = {
  readonly stop: Stop | null;
  /** What failed in the module, one line each. */
  readonly failures: readonly string[];
  readonly tags: readonly string[];
  readonly score: number;
  readonly requestEdits: readonly string[];
  readonly responseEdits: readonly string[];
  readonly log: readonly string[];
  readonly blocks: readonly string[];
};

export type CaseDifference = {
  /** The key of the case, for example `verdict.rule`. */
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
};

export function editText({ kind, name, value }: FieldEdit): string {
  return kind === 'remove' ? `remove ${name}` : `${kind} ${name}: ${value}`;
}

export function outcomeOf(
  transaction: Transaction,
  stop: Stop | null,
  failures: readonly string[],
  { lines, blocks }: { readonly lines: readonly string[]; readonly blocks: readonly string[] },
): StepOutcome {
  return {
    stop,
    failures,
    tags: [...transaction.tags],
    score: transaction.score,
    requestEdits: transaction.requestEdits.map(editText),
    responseEdits: transaction.responseEdits.map(editText),
    log: lines,
    blocks,
  };
}

/** Empty when all is as the case says. `at` names the request among several. */
export function differencesOf(step: CaseStep, outcome: StepOutcome, at: string): CaseDifference[] {
  const found: CaseDifference[] = [];
  const compare = (what: string, expected: unknown, actual: unknown): void => {
    const [one, other] = [shown(expected), shown(actual)];
    if (one !== other) found.push({ what: `${at}${what}`, expected: one, actual: other });
  };
  compareVerdict(step.verdict, outcome, compare);
  if (step.tags !== undefined) compare('tags', step.tags.toSorted(), outcome.tags.toSorted());
  if (step.score !== undefined) compare('score', step.score, outcome.score);
  for (const what of ['requestEdits', 'responseEdits', 'log', 'blocks'] as const)
    if (step[what] !== undefined) compare(what, step[what], outcome[what]);
  return found;
}

type Compare = (what: string, expected: unknown, actual: unknown) => void;

/** A case that says nothing of a verdict still expects that the module does not fail. */
function compareVerdict(
  expected: ExpectedVerdict | undefined,
  { stop, failures }: StepOutcome,
  compare: Compare,
): void {
  const failure = failures[0];
  if (expected?.kind === 'failure') {
    const { reason = '' } = expected;
    if (failure === undefined || !failure.includes(reason))
      compare('verdict', `failure ${reason}`.trim(), summaryOf(stop, failures));
    return;
  }
  if (failure !== undefined) {
    compare(
      'verdict',
      expected === undefined ? 'no failure' : summaryOfExpected(expected),
      `failure ${failure}`,
    );
    return;
  }
  if (expected === undefined) return;
  if (stop === null || expected.kind !== stop.kind) {
    if (expected.kind !== (stop?.kind ?? 'allow'))
      compare('verdict', summaryOfExpected(expected), summaryOf(stop, failures));
    return;
  }
  const actual: Readonly<Record<string, unknown>> = { ...stop, status: statusOfStop(stop) };
  for (const key of ['status', 'rule', 'target', 'reason', 'matched'] as const)
    if (expected[key] !== undefined) compare(`verdict.${key}`, expected[key], actual[key]);
}

function summaryOf(stop: Stop | null, failures: readonly string[]): string {
  if (failures[0] !== undefined) return `failure ${failures[0]}`;
  return stop === null ? 'allow' : `${stop.kind} ${statusOfStop(stop)} ${stop.rule}`;
}

function summaryOfExpected({ kind, status, rule }: ExpectedVerdict): string {
  return [kind, status, rule].filter((part) => part !== undefined).join(' ');
}

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
