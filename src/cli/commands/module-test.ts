/**
 * `weir module test` — a module's cases through the very runtime of the edge, without a proxy: what does not
 * hold, where the module failed in its source, and what no case has seen.
 */
import { watch } from 'node:fs';
import { basename, relative, resolve } from 'node:path';
import { CliError, failureError } from '#cli/cli-error.ts';
import { type Command, type CommandContext, jsonOption } from '#cli/command.ts';
import { compileFailure, sourceLines } from '#cli/compile-failure.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Printer } from '#cli/printer.ts';
import { counted, thousands } from '#cli/words.ts';
import { formatProblem } from '#config/problem.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { TestedCase, TestReport, TraceLine } from '#toolchain/test-module.ts';
import type { TestTarget } from '#toolchain/test-target.ts';

export const moduleTest: Command = {
  words: ['module', 'test'],
  summary: 'run the cases of a rule module',
  positionals: ['DIR|FILE.wasm'],
  options: [
    {
      name: 'cases',
      kind: 'text',
      value: 'FILE',
      summary: 'the cases; else cases.json in DIR, or FILE.cases.json beside FILE.wasm',
    },
    { name: 'watch', kind: 'flag', summary: 'again with every change, until Ctrl-C' },
    jsonOption,
  ],
  examples: ['weir module test my-rule', 'weir module test my-rule.wasm --cases cases.json'],
  async run(context) {
    const { testTarget } = await import('#toolchain/test-target.ts');
    const { given, io } = context;
    const cases = given.text('cases');
    const target = await testTarget(
      resolve(io.cwd, given.positional(0)),
      cases === null ? null : resolve(io.cwd, cases),
    );
    if (given.flag('watch')) return watchTarget(context, target);
    const report = await runOnce(context, target);
    return report.failed > 0 || report.cases.length === 0 ? exitCodes.failure : exitCodes.ok;
  },
};

/** Throws what a person has to read. */
async function runOnce({ io, print }: CommandContext, target: TestTarget): Promise<TestReport> {
  const { readTarget } = await import('#toolchain/test-target.ts');
  const { testModule } = await import('#toolchain/test-module.ts');
  const folder = relative(io.cwd, target.folder);
  const casesFile = relative(io.cwd, target.casesFile);
  let read: Awaited<ReturnType<typeof readTarget>>;
  try {
    read = await readTarget(target);
  } catch (error) {
    throw compileFailure(error, folder);
  }
  if (!read.cases.ok) {
    throw failureError(
      `${casesFile} has ${counted(read.cases.problems.length, 'problem')}`,
      read.cases.problems.map((problem) => formatProblem(problem, casesFile)),
    );
  }
  const report = testModule(read.subject, read.cases.cases);
  print.answer(jsonOf(target, report), () => textOf(print, target, report, folder));
  return report;
}

function jsonOf({ name }: TestTarget, report: TestReport): object {
  const { failed, rulesKnown, rulesUnseen } = report;
  const cases = report.cases.map(({ failure: _failure, rulesNamed: _named, ...rest }) => ({
    ...rest,
    passed: rest.differences.length === 0,
  }));
  return { module: name, failed, rulesKnown, rulesUnseen, cases };
}

function textOf(print: Printer, { name }: TestTarget, report: TestReport, folder: string): string {
  const { cases, failed, rulesUnseen } = report;
  const lines = cases.flatMap((item) => failedLines(print, item, folder));
  const most = Math.max(0, ...cases.map(({ fuel }) => fuel));
  const count = `${name}: ${counted(cases.length, 'case')}`;
  const verdict =
    cases.length === 0
      ? print.paint('red', 'nothing was tested')
      : failed === 0
        ? print.paint('green', cases.length === 1 ? 'it holds' : 'all hold')
        : print.paint('red', failed === 1 ? '1 does not hold' : `${thousands(failed)} do not hold`);
  lines.push(`${count}, ${verdict}; at most ${thousands(most)} instructions a case`);
  if (rulesUnseen.length > 0)
    lines.push(print.paint('yellow', `seen in no case: ${rulesUnseen.join(', ')}`));
  return lines.join('\n');
}

function failedLines(print: Printer, item: TestedCase, folder: string): string[] {
  if (item.differences.length === 0) return [];
  return [
    `${print.paint('red', 'FAILED')} ${item.name}${item.why === null ? '' : ` (${item.why})`}`,
    ...item.differences.flatMap(({ what, expected, actual }) => [
      `  ${what}`,
      `    expected  ${expected}`,
      `    actual    ${actual}`,
    ]),
    ...item.trace.flatMap((line) => traceLines(print, line, folder)),
    '',
  ];
}

/** Every frame with its place; the lines of source of the author's own files. */
function traceLines(print: Printer, { name, place }: TraceLine, folder: string): string[] {
  if (place === null) return [print.paint('dim', `    at ${name}`)];
  const isOwn = !place.file.startsWith('~lib/');
  const file = isOwn && folder !== '' ? `${folder}/${place.file}` : place.file;
  const at = `    at ${name} (${file}:${place.line}:${place.column})`;
  if (!isOwn || place.text === null) return [print.paint('dim', at)];
  return [at, ...sourceLines(place.line, place.column, place.text).map((line) => `      ${line}`)];
}

/** Never ends by itself. Changes within a moment of each other are one. */
async function watchTarget(context: CommandContext, target: TestTarget): Promise<number> {
  const { print } = context;
  const round = async (): Promise<void> => {
    try {
      await runOnce(context, target);
    } catch (error) {
      const told = error instanceof CliError || error instanceof WeirError;
      print.line(print.paint('red', told ? error.message : describeError(error)));
      for (const detail of told ? error.details : []) print.line(`  ${detail}`);
    }
    print.line(print.paint('dim', `waiting for changes in ${basename(target.folder)}`));
  };
  const { promise, resolve: finish } = Promise.withResolvers<number>();
  let timer: NodeJS.Timeout | null = null;
  // Watched from before the first round on: a change during it counts.
  let running: Promise<void> = Promise.resolve();
  const watcher = watch(target.folder, { recursive: true }, (_event, file) => {
    if (file !== null && /(?:^|\/)(?:build|\.editor|node_modules)(?:\/|$)/.test(file)) return;
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => {
      running = running.then(round);
    }, settleMs);
  });
  running = running.then(round);
  const stop = (): void => {
    watcher.close();
    if (timer !== null) clearTimeout(timer);
    finish(exitCodes.ok);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const exit = await promise;
  await running;
  return exit;
}

/** An editor writes a file in several steps. */
const settleMs = 50;
