/** `weir module bench` — what a request costs in a module, beside one that does nothing. */
import { relative, resolve } from 'node:path';
import { failureError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { compileFailure } from '#cli/compile-failure.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Cell } from '#cli/printer.ts';
import { counted, thousands } from '#cli/words.ts';
import { formatProblem } from '#config/problem.ts';
import type { Spread } from '#toolchain/bench-module.ts';

const rounds = 20;
const roundMs = 20;

export const moduleBench: Command = {
  words: ['module', 'bench'],
  summary: 'measure what a request costs in a rule module',
  positionals: ['DIR|FILE.wasm'],
  options: [
    {
      name: 'cases',
      kind: 'text',
      value: 'FILE',
      summary: 'whose requests and config it is measured with; else as "weir module test" has it',
    },
    jsonOption,
  ],
  examples: ['weir module bench my-rule'],
  async run({ given, io, print }) {
    const { testTarget, readTarget } = await import('#toolchain/test-target.ts');
    const { benchModule } = await import('#toolchain/bench-module.ts');
    const cases = given.text('cases');
    const target = await testTarget(
      resolve(io.cwd, given.positional(0)),
      cases === null ? null : resolve(io.cwd, cases),
    );
    const read = await readTarget(target).catch((error: unknown) => {
      throw compileFailure(error, relative(io.cwd, target.folder));
    });
    if (!read.cases.ok) {
      const file = relative(io.cwd, target.casesFile);
      throw failureError(
        `${file} has ${counted(read.cases.problems.length, 'problem')}`,
        read.cases.problems.map((problem) => formatProblem(problem, file)),
      );
    }
    const rows = await benchModule(read.subject, read.cases.cases, { rounds, roundMs });
    print.answer({ module: target.name, rounds, rows }, () => {
      const titles = ['MICROSECONDS EACH', 'NO-OP', target.name.toUpperCase(), 'INSTRUCTIONS'];
      return [
        print.columns([
          titles.map((text): Cell => ({ text, style: 'dim' })),
          ...rows.map(({ request, baseline, module, fuel }) => [
            request,
            spreadText(baseline),
            spreadText(module),
            fuel === null ? 'not counted' : thousands(fuel),
          ]),
        ]),
        `median of ${rounds} rounds that take turns (fastest to slowest)`,
      ].join('\n');
    });
    return exitCodes.ok;
  },
};

function spreadText({ median, fastest, slowest }: Spread): string {
  return `${median.toFixed(2)} (${fastest.toFixed(2)} to ${slowest.toFixed(2)})`;
}
