/** `weir ftw run` — the regression tests of the Core Rule Set, as they are, against a socket and its log. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';
import { type Printer, printable } from '#cli/printer.ts';
import { counted, thousands } from '#cli/words.ts';
import type { FtwSummary, TestResult } from '#toolchain/ftw/run.ts';
import type { FtwTest } from '#toolchain/ftw/test-file.ts';

export const ftwRun: Command = {
  words: ['ftw', 'run'],
  summary: 'run the regression tests of a rule set against a WAF',
  positionals: [],
  options: [
    {
      name: 'tests',
      kind: 'text',
      value: 'DIR',
      summary: 'tests in the YAML of go-ftw',
      required: true,
    },
    {
      name: 'rules',
      kind: 'text',
      value: 'DIR',
      summary: 'rules to test, before an edge of its own; this, or --target with --log',
    },
    { name: 'target', kind: 'text', value: 'HOST:PORT', summary: 'a WAF that runs, plain HTTP' },
    { name: 'log', kind: 'text', value: 'FILE', summary: 'where that WAF logs its matches' },
    { name: 'include', kind: 'text', value: 'RE', summary: 'only tests whose name has this in it' },
    { name: 'out', kind: 'text', value: 'FILE', summary: 'write every result as JSON' },
    jsonOption,
  ],
  examples: [
    'weir ftw run --rules crs --tests crs/tests',
    'weir ftw run --tests crs/tests --target 127.0.0.1:8080 --log waf.log',
  ],
  async run({ io, print, given }) {
    const { readTests } = await import('#toolchain/ftw/test-file.ts');
    const { runTests, summaryOf } = await import('#toolchain/ftw/run.ts');
    const all = readTests(resolve(io.cwd, given.text('tests') ?? ''));
    const include = patternOf(given.text('include'));
    const tests = all.filter(({ name }) => include === null || include.test(name));
    if (tests.length === 0) throw usageError('--include leaves no test');
    const onResult = (result: TestResult): void => {
      if (!print.json && result.outcome !== 'pass') print.line(failureLines(print, result));
    };
    const rules = given.text('rules');
    const results =
      rules === null
        ? await runTests(tests, { ...elsewhere(given, io.cwd), onResult })
        : await runOnOwnEdge(tests, resolve(io.cwd, rules), onResult);
    const summary = summaryOf(results);
    const out = given.text('out');
    if (out !== null) {
      writeFileSync(resolve(io.cwd, out), `${JSON.stringify({ summary, results }, null, 1)}\n`);
    }
    print.answer({ summary, failures: results.filter(({ outcome }) => outcome !== 'pass') }, () =>
      summaryLines(print, summary),
    );
    return summary.passed === summary.tests ? exitCodes.ok : exitCodes.failure;
  },
};

async function runOnOwnEdge(
  tests: readonly FtwTest[],
  rules: string,
  onResult: (result: TestResult) => void,
): Promise<readonly TestResult[]> {
  const { startOwnEdge } = await import('#toolchain/ftw/own-edge.ts');
  const { runTests } = await import('#toolchain/ftw/run.ts');
  await using edge = await startOwnEdge(rules);
  return await runTests(tests, { target: edge.target, logFile: edge.logFile, onResult });
}

function elsewhere(given: ParsedArguments, cwd: string) {
  const log = given.text('log');
  const target = targetOf(given.text('target') ?? '');
  if (log === null) throw usageError('--log FILE is missing: it is where the matches are read');
  return { target, logFile: resolve(cwd, log) };
}

function patternOf(text: string | null): RegExp | null {
  if (text === null) return null;
  try {
    return new RegExp(text);
  } catch {
    throw usageError(`--include ${text} is no pattern`);
  }
}

function targetOf(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined)
    throw usageError('--rules DIR is missing, or --target HOST:PORT in its place');
  return { host, port: Number(match?.[3]) };
}

function failureLines(print: Printer, { name, outcome, reason, ids, lines }: TestResult): string {
  const word = outcome === 'error' ? 'ERROR ' : 'FAILED';
  return [
    `${print.paint('red', word)} ${name}  ${printable(reason)}`,
    ...(ids.length === 0 ? [] : [print.paint('dim', `    logged: ${ids.join(', ')}`)]),
    ...lines.slice(0, 5).map((line) => print.paint('dim', `    ${printable(line.slice(0, 300))}`)),
  ].join('\n');
}

function summaryLines(print: Printer, summary: FtwSummary): string {
  const { tests, passed, failed, errors, positive, negative } = summary;
  const part = ({ stages, passed: held }: FtwSummary['positive']): string =>
    `${thousands(held)} of ${thousands(stages)}`;
  return [
    `stages that want a rule to fire  ${part(positive)} hold`,
    `stages that want silence         ${part(negative)} hold`,
    print.paint(
      passed === tests ? 'green' : 'red',
      `${counted(tests, 'test')}: ${thousands(passed)} passed, ${thousands(failed)} failed, ${thousands(errors)} could not be run`,
    ),
  ].join('\n');
}
