/**
 * Question: what does each shipped rule module add to a request, in microseconds of one core, and in
 * instructions of its fuel?
 *
 *     node bench/micro/rules.ts [--json FILE]
 *
 * Each module is called as the edge calls it: a run for each request, the head phases it takes part in
 * (the view packed into the guest's memory, one metered call, the answer read back, the instance put back
 * to how it was). First every verdict is checked; then each case runs in rounds, the modules taking turns,
 * and the fastest and the median round are printed. The baseline row is a module that allows everything:
 * what the border alone costs.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { browserHeaders, browserTarget } from '#toolchain/bench-requests.ts';
import type { RequestView } from '#waf/request-view.ts';
import { Transaction } from '#waf/transaction.ts';
import { phase } from '#wasm/filter.ts';
import { compileModule, type LiveModule } from '#wasm/live-module.ts';
import { buildRules } from '../../scripts/build-rules.ts';
import { responseViewOf } from '../../test/support/filter-exchange.ts';
import { inspectHead } from '../../test/support/filters.ts';
import { testLimits as limits, testServices, testSource } from '../../test/support/guests.ts';
import { viewOf } from '../../test/support/view.ts';
import {
  isOfRequests,
  type RuleSettings,
  settingsOf,
  thousandRules,
} from '../support/rule-settings.ts';

const facts = { clientAddress: '203.0.113.7', tls: true };
const rounds = 20;
const callsPerRound = 3_000;

type Case = {
  readonly name: string;
  readonly view: RequestView;
  readonly blockedBy: string | null;
};

const cases: readonly Case[] = [
  {
    name: 'browser GET',
    view: viewOf({
      target: browserTarget,
      headers: browserHeaders,
    }),
    blockedBy: null,
  },
  {
    name: 'browser GET, encoded',
    view: viewOf({
      target:
        '/search/caf%C3%A9?q=garden%20chairs%20%26%20tables&next=https%3A%2F%2Fwww.example.org%2Fcart',
      headers: browserHeaders.map(([name, value]) => [
        name,
        name === 'Cookie' ? `${value}; prefs=%7B%22a%22%3A1%7D` : value,
      ]),
    }),
    blockedBy: null,
  },
  {
    name: 'bare GET',
    view: viewOf({ target: '/', headers: [['Host', 'a.example']] }),
    blockedBy: null,
  },
  {
    name: 'scanner',
    view: viewOf({
      target: '/',
      headers: [
        ['Host', 'a.example'],
        ['User-Agent', 'sqlmap/1.9.4#stable (https://sqlmap.org)'],
      ],
    }),
    blockedBy: 'bad-bot/attack-tool',
  },
  {
    name: 'traversal in the path',
    view: viewOf({ target: '/static/..%2f..%2f..%2fetc%2fpasswd', headers: browserHeaders }),
    blockedBy: 'path-traversal/dot-dot',
  },
  {
    name: 'traversal encoded four times',
    view: viewOf({
      target: '/get?file=%2525252e%2525252e%2525252fetc%2525252fpasswd',
      headers: browserHeaders,
    }),
    blockedBy: 'path-traversal/dot-dot',
  },
  {
    name: '8 KB of percent signs',
    view: viewOf({ target: `/?q=${'%2525252541'.repeat(700)}`, headers: browserHeaders }),
    blockedBy: null,
  },
];

const response = responseViewOf(200, [
  ['Content-Type', 'text/html; charset=utf-8'],
  ['Server', 'Apache/2.4'],
  ['Set-Cookie', 'session=Zm9v; Path=/'],
]);

type Row = {
  readonly case: string;
  readonly module: string;
  readonly headBytes: number;
  /** Instructions a request. */
  readonly fuel: number;
  readonly minUs: number;
  readonly medianUs: number;
};

const built = (await buildRules()).filter(isOfRequests);
const failed = (message: string): never => {
  throw new Error(message);
};
function load(name: string, bytes: Uint8Array, settings: RuleSettings): LiveModule {
  const { grants, config, databases = {} } = settings;
  const source = { ...testSource, name, bytes, grants, databases, config: JSON.stringify(config) };
  return compileModule({ ...source, fuel: 60_000_000 }, limits, testServices, failed);
}
const modules: readonly LiveModule[] = await Promise.all(
  built.map(async ({ name, path }) => load(name, await readFile(path), settingsOf(name))),
);
const universal = built.find(({ name }) => name === 'universal')?.path ?? failed('no universal');
const manyRules = load('universal, 1,000 rules', await readFile(universal), thousandRules);
const [allowEverything] = await buildRules({
  sources: [join(import.meta.dirname, '../../wasm-rules/testing/allow-everything.ts')],
  outDirectory: join(import.meta.dirname, '../../build/test-guests'),
});
if (allowEverything === undefined) throw new Error('the baseline was not built');
const baseline = compileModule(
  { ...testSource, name: 'baseline', bytes: await readFile(allowEverything.path) },
  limits,
  testServices,
  failed,
);

verify();
const contenders = [
  ...[baseline, ...modules, manyRules].map((module) => ({ name: module.name, modules: [module] })),
  { name: 'all rules', modules },
];
const rows = cases.flatMap(measure);
print(rows);
const { values } = parseArgs({ options: { json: { type: 'string' } } });
if (values.json !== undefined) {
  const report = {
    question: 'microseconds a rule module adds to a request',
    command: 'node bench/micro/rules.ts',
    node: process.version,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    rounds,
    callsPerRound,
    rows,
  };
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
}

function verify(): void {
  for (const { name, view, blockedBy } of cases) {
    const blocks = modules
      .map((module) => inspectHead(module, view, facts))
      .filter((verdict) => verdict.kind === 'block');
    const rule = blocks[0]?.rule ?? null;
    if (rule !== blockedBy) throw new Error(`${name}: decided by ${rule}, expected ${blockedBy}`);
  }
}

function measure({ name, view }: Case): readonly Row[] {
  const times = contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries())
      times[index]?.push(timeRound(contender.modules, view));
  }
  return contenders.map((contender, index) => {
    const sorted = (times[index] ?? []).toSorted((a, b) => a - b);
    return {
      case: name,
      module: contender.name,
      headBytes: view.end - view.start,
      fuel: fuelOf(contender.modules, view),
      minUs: sorted[0] ?? 0,
      medianUs: sorted[sorted.length >> 1] ?? 0,
    };
  });
}

/** As `Inspection` does it, a stop or not: what is timed is every module. */
function walk(contender: readonly LiveModule[], view: RequestView): void {
  const transaction = new Transaction(view, facts, 'bench', '* /', 'app', false);
  for (const module of contender) {
    const run = module.begin(transaction);
    transaction.response = null;
    if ((module.phases & phase.requestHead) !== 0) run.requestHead(true);
    transaction.response = response;
    if ((module.phases & phase.responseHead) !== 0) run.responseHead(false);
    run.end();
  }
}

function fuelOf(contender: readonly LiveModule[], view: RequestView): number {
  const used = (): number => contender.reduce((sum, { fuelUsed }) => sum + fuelUsed, 0);
  const before = used();
  walk(contender, view);
  return used() - before;
}

function timeRound(contender: readonly LiveModule[], view: RequestView): number {
  const startedAt = process.hrtime.bigint();
  for (let call = 0; call < callsPerRound; call++) {
    walk(contender, view);
  }
  return Number(process.hrtime.bigint() - startedAt) / 1000 / callsPerRound;
}

function print(all: readonly Row[]): void {
  const line = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index < 2 ? cell.padEnd(30) : cell.padStart(10))).join('');
  process.stdout.write(`${line(['case', 'module', 'head', 'fuel', 'min µs', 'median µs'])}\n`);
  for (const row of all) {
    const cells = [
      row.case,
      row.module,
      `${row.headBytes} B`,
      String(row.fuel),
      row.minUs.toFixed(2),
      row.medianUs.toFixed(2),
    ];
    process.stdout.write(`${line(cells)}\n`);
  }
}
