/**
 * `weir rules bench` — what requests cost in a rule set, in µs and in fuel, and which rules cost most: ordinary requests
 * and an attack, or those of a recording.
 */
import { resolve } from 'node:path';
import { failureError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { numberOption } from '#cli/number-option.ts';
import type { Cell, Printer } from '#cli/printer.ts';
import { printable } from '#cli/printer.ts';
import { paranoiaOption, ruleSetOf, setupOption } from '#cli/rule-options.ts';
import { thousands } from '#cli/words.ts';
import type { InspectedRequest } from '#toolchain/inspect-request.ts';
import type { RuleCost } from '#toolchain/rule-costs.ts';

/** Of each request; the fastest counts. */
const runs = 2_000;
const runsOfRecorded = 20;
const recordedMax = 2_000;
const requestsShown = 10;
const rulesDefault = 10;
const nameShown = 60;

type NamedRequest = { readonly name: string; readonly asked: InspectedRequest };
type Row = {
  readonly request: string;
  readonly microseconds: number;
  readonly fuel: number;
  readonly stoppedBy: string | null;
};

export const rulesBench: Command = {
  words: ['rules', 'bench'],
  summary: 'measure what requests cost in a SecLang rule set',
  positionals: ['FILE|DIR…'],
  options: [
    {
      name: 'recording',
      kind: 'text',
      value: 'FILE',
      summary: 'the requests of a recording (weir record) in the place of the shipped ones',
    },
    { name: 'limit', kind: 'text', value: 'N', summary: 'rules to show, the dearest (else 10)' },
    paranoiaOption,
    setupOption,
    jsonOption,
  ],
  examples: [
    'weir rules bench builtin:core',
    'weir rules bench installed:crs --paranoia 1',
    'weir rules bench crs --recording state/recordings/ID.weirrec',
  ],
  async run({ io, print, given }) {
    const { buildRuleSetApart } = await import('#toolchain/build-rule-set-apart.ts');
    const { inspectRequest } = await import('#toolchain/inspect-request.ts');
    const { ruleCosts } = await import('#toolchain/rule-costs.ts');
    const { askedBenchRequests } = await import('#toolchain/bench-requests.ts');
    const bounds = { min: 0, max: 10_000, whole: true };
    const limit = numberOption(given, 'limit', bounds) ?? rulesDefault;
    const recording = given.text('recording');
    const file = recording === null ? null : resolve(io.cwd, recording);
    const requests = file === null ? askedBenchRequests() : await recordedRequests(file);
    const rules = ruleSetOf('bench', given.positionals, given, io.cwd);
    const { bytes } = await buildRuleSetApart(rules, null, (stage) => {
      print.errorLine(print.paint('dim', stage));
    });
    const times = file === null ? runs : runsOfRecorded;
    const rows = requests.map(({ name, asked }): Row => {
      const { verdict, failures, microseconds, fuel } = inspectRequest(bytes, asked, times);
      if (failures[0] !== undefined) throw failureError(failures[0], failures);
      return { request: name, microseconds, fuel, stoppedBy: verdict?.rule ?? null };
    });
    const asked = requests.map((request) => request.asked);
    const costs = ruleCosts(bytes, asked).slice(0, limit);
    print.answer({ bytes: bytes.length, runs: times, rows, rules: costs }, () =>
      [
        ...(file === null ? [requestTable(print, rows)] : recordedText(print, rows)),
        `fastest of ${thousands(times)} runs each, with a short answer; a module of ${thousands(bytes.length)} bytes`,
        ...(costs.length === 0 ? [] : ['', ruleTable(print, costs)]),
      ].join('\n'),
    );
    return exitCodes.ok;
  },
};

/** The first of them; what cannot be read again as a request is left out. */
async function recordedRequests(file: string): Promise<readonly NamedRequest[]> {
  const { readRecording } = await import('#replay/recording-file.ts');
  const { parseRequestText } = await import('#toolchain/inspect-request.ts');
  const requests: NamedRequest[] = [];
  const recording = readRecording(file);
  try {
    for await (const { head, bytes, client } of recording.requests()) {
      const parsed = parseRequestText(head.toString('latin1'));
      if (typeof parsed === 'string') continue;
      const name = `${parsed.method} ${parsed.target}`.slice(0, nameShown);
      const asked = { ...parsed, body: bytes.toString('latin1'), clientAddress: client };
      if (requests.push({ name, asked }) === recordedMax) break;
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw failureError(`${file} cannot be read: ${String(error.code)}`, []);
  }
  if (requests.length === 0)
    throw failureError(`${file} holds no request (${recording.problem ?? 'it is empty'})`, []);
  return requests;
}

function requestTable(print: Printer, rows: readonly Row[]): string {
  const titles = ['REQUEST', 'µS', 'FUEL', 'ANSWER'];
  return print.columns([
    titles.map((text): Cell => ({ text, style: 'dim' })),
    ...rows.map(({ request, microseconds, fuel, stoppedBy }) => [
      printable(request),
      microseconds.toFixed(1),
      thousands(fuel),
      stoppedBy === null ? 'passes' : `stopped by ${stoppedBy}`,
    ]),
  ]);
}

function recordedText(print: Printer, rows: readonly Row[]): readonly string[] {
  const mean = (of: (row: Row) => number): number =>
    rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  const stopped = rows.filter(({ stoppedBy }) => stoppedBy !== null).length;
  const dearest = rows.toSorted((a, b) => b.fuel - a.fuel).slice(0, requestsShown);
  return [
    `${thousands(rows.length)} recorded requests, ${thousands(stopped)} stopped: ${mean((row) => row.microseconds).toFixed(1)} µs and ${thousands(Math.round(mean((row) => row.fuel)))} units of fuel each; the dearest:`,
    requestTable(print, dearest),
  ];
}

function ruleTable(print: Printer, costs: readonly RuleCost[]): string {
  const titles = ['RULE', 'PHASE', 'FUEL A REQUEST'];
  return print.columns([
    titles.map((text): Cell => ({ text, style: 'dim' })),
    ...costs.map(({ rule, phase, fuel }) => [String(rule), String(phase), thousands(fuel)]),
  ]);
}
