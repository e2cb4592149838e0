/** `weir rules bench` — what ordinary requests and an attack cost in a rule set, in µs and in fuel. */
import { failureError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Cell } from '#cli/printer.ts';
import { paranoiaOption, ruleSetOf, setupOption } from '#cli/rule-options.ts';
import { thousands } from '#cli/words.ts';

/** Of each request; the fastest counts. */
const runs = 2_000;

export const rulesBench: Command = {
  words: ['rules', 'bench'],
  summary: 'measure what requests cost in a SecLang rule set',
  positionals: ['FILE|DIR…'],
  options: [paranoiaOption, setupOption, jsonOption],
  examples: ['weir rules bench builtin:core', 'weir rules bench installed:crs --paranoia 1'],
  async run({ io, print, given }) {
    const { benchRequests } = await import('#toolchain/bench-requests.ts');
    const { buildRuleSetApart } = await import('#toolchain/build-rule-set-apart.ts');
    const { inspectRequest } = await import('#toolchain/inspect-request.ts');
    const rules = ruleSetOf('bench', given.positionals, given, io.cwd);
    const { bytes } = await buildRuleSetApart(rules, null, (stage) => {
      print.errorLine(print.paint('dim', stage));
    });
    const rows = benchRequests.map(({ name, request, body }) => {
      const asked = { ...request, body: body ?? '', clientAddress: '192.0.2.1' };
      const { verdict, failures, microseconds, fuel } = inspectRequest(bytes, asked, runs);
      if (failures[0] !== undefined) throw failureError(failures[0], failures);
      return { request: name, microseconds, fuel, stoppedBy: verdict?.rule ?? null };
    });
    print.answer({ bytes: bytes.length, runs, rows }, () => {
      const titles = ['REQUEST', 'µS', 'FUEL', 'ANSWER'];
      return [
        print.columns([
          titles.map((text): Cell => ({ text, style: 'dim' })),
          ...rows.map(({ request, microseconds, fuel, stoppedBy }) => [
            request,
            microseconds.toFixed(1),
            thousands(fuel),
            stoppedBy === null ? 'passes' : `stopped by ${stoppedBy}`,
          ]),
        ]),
        `fastest of ${thousands(runs)} runs each, with a short answer; a module of ${thousands(bytes.length)} bytes`,
      ].join('\n');
    });
    return exitCodes.ok;
  },
};
