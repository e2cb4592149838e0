/**
 * Questions: what do metering and isolation cost the shipped modules and plain loops? How long does it take
 * to rewrite a module of 1 MB? What does it cost to put an instance back after a call? How long can a unit
 * of fuel be made to last?
 *
 *     node bench/micro/meter.ts [--out FILE]
 *
 * Everything is measured beside the module as it was built, taking turns, the fastest of many rounds; the
 * answers of all are compared first. A call of a shipped module is what the host does for a request head:
 * the view is written, the fuel set, the guest called and, isolated, the instance put back.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { browserHeaders, browserTarget } from '#toolchain/bench-requests.ts';
import type { RequestView } from '#waf/request-view.ts';
import { requestViewOf } from '#wasm/cases/case-messages.ts';
import { readCases } from '#wasm/cases/read-cases.ts';
import { fuelledName } from '#wasm/meter/added-function.ts';
import { meterModule } from '#wasm/meter/meter-module.ts';
import { buildRules } from '../../scripts/build-rules.ts';
import { repeatedModule } from '../../test/support/large-module.ts';
import { Metered, plentyOfFuel } from '../../test/support/metered.ts';
import { PlainGuest } from '../../test/support/plain-guest.ts';
import { viewOf } from '../../test/support/view.ts';
import { assemble, type ModuleText } from '../../test/support/wasm-text.ts';
import { fastest, fastestFresh } from '../support/interleaved.ts';
import { machine } from '../support/results.ts';
import { isOfRequests } from '../support/rule-settings.ts';

const browserGet = viewOf({ target: browserTarget, headers: browserHeaders });

/** The third argument of each loop. */
const kernelArguments: Readonly<Record<string, number>> = {
  scan: 64,
  automaton: 32_768,
  search: 8_192,
  hash: 7,
  lowerCase: 16_384,
  copyWords: 16_384,
};

const root = join(import.meta.dirname, '../..');
const lines: string[] = [];
const percent = (value: number, base: number): string =>
  `${((value / base - 1) * 100).toFixed(0)} %`;

function say(line = ''): void {
  lines.push(line);
  process.stdout.write(`${line}\n`);
}

function tableHead(...cells: readonly string[]): void {
  say(`| ${cells.join(' | ')} |`);
  say(`|${cells.map(() => ' --- |').join('')}`);
}

const row = (...cells: readonly string[]): void => say(`| ${cells.join(' | ')} |`);

function rewrite(bytes: Uint8Array, isolates: boolean): Uint8Array {
  return meterModule(bytes, {
    fuelAtStart: plentyOfFuel,
    memoryPagesMax: 256,
    isolates,
    fuelledExports: ['weir_request_head', ...Object.keys(kernelArguments)],
  }).bytes;
}

say('# Fuel and isolation');
say();
say(
  `\`node bench/micro/meter.ts --out bench/results/meter.md\`, ${new Date().toISOString().slice(0, 10)}`,
);
say(`${machine}. Fastest of the rounds; contenders take turns.`);

// Rewriting first: the very first module of a process is what a load waits for.
const shipped = await Promise.all(
  (await buildRules())
    .filter(isOfRequests)
    .map(async ({ name, path }) => ({ name, bytes: await readFile(path) })),
);
rewriting();
await shippedModules();
await kernels();
resets();
lastingFuel();
const { values } = parseArgs({ options: { out: { type: 'string' } } });
if (values.out !== undefined) writeFileSync(values.out, `${lines.join('\n')}\n`);

function rewriting(): void {
  const parser = createRequire(import.meta.url)('undici/lib/llhttp/llhttp_simd-wasm.js');
  const largest = shipped.toSorted((a, b) => b.bytes.length - a.bytes.length)[0];
  if (largest === undefined) throw new Error('no module is shipped');
  const contenders = [
    { name: `code of ${largest.name}, repeated`, bytes: repeatedModule(largest.bytes, 1_000_000) },
    { name: 'llhttp (C, SIMD)', bytes: new Uint8Array(parser) },
    ...shipped,
  ];
  say();
  say('## Rewriting');
  say();
  say(
    'Isolated. The first row also shows the very first rewriting of the process, before anything is compiled.',
  );
  say();
  tableHead(
    'module',
    'KB',
    'first, ms',
    'first, ms of CPU',
    'fastest, ms',
    "of it the engine's own validation",
    'size after',
  );
  for (const { name, bytes } of contenders) {
    const startedAt = performance.now();
    const cpuBefore = process.threadCpuUsage();
    const rewritten = rewrite(bytes, true);
    const cpu = process.threadCpuUsage(cpuBefore);
    const first = performance.now() - startedAt;
    const [whole = 0, validation = 0] = fastest(
      [() => rewrite(bytes, true), () => WebAssembly.validate(bytes)],
      12,
      1,
    );
    row(
      name,
      (bytes.length / 1_000).toFixed(0),
      first.toFixed(1),
      ((cpu.user + cpu.system) / 1_000).toFixed(1),
      (whole / 1_000).toFixed(1),
      (validation / 1_000).toFixed(1),
      `× ${(rewritten.length / bytes.length).toFixed(2)}`,
    );
  }
}

async function shippedModules(): Promise<void> {
  say();
  say('## Shipped modules');
  say();
  say('µs a call, over all cases of the module and on a browser-like GET.');
  say();
  tableHead(
    'module',
    'requests',
    'as built',
    'metered',
    'and isolated',
    'fuel a call',
    'ns a unit of fuel',
  );
  const sum = [0, 0, 0];
  for (const { name, bytes } of shipped) {
    const { config, views: cases } = casesOf(name);
    const instances = [bytes, rewrite(bytes, false), rewrite(bytes, true)].map((of) => {
      const compiled = new WebAssembly.Module(of);
      return (): PlainGuest => new PlainGuest(compiled, config);
    });
    if (instances[0]?.().hasRequestHead !== true) continue;
    for (const [title, views] of [
      ['its cases', cases],
      ['browser GET', [browserGet]],
    ] as const) {
      const spent = checked(name, instances, views);
      const [asBuilt = 0, withMeter = 0, withIsolation = 0] = fastestFresh(
        // What is not put back runs out of memory in the end.
        instances.map((make) => () => callsOf(make(), views)),
        150,
        Math.ceil(600 / views.length),
      ).map((us) => us / views.length);
      for (const [index, us] of [asBuilt, withMeter, withIsolation].entries())
        sum[index] = (sum[index] ?? 0) + us;
      row(
        name,
        title,
        asBuilt.toFixed(2),
        `${withMeter.toFixed(2)} (${percent(withMeter, asBuilt)})`,
        `${withIsolation.toFixed(2)} (${percent(withIsolation, asBuilt)})`,
        (spent / views.length).toFixed(0),
        ((asBuilt * 1_000 * views.length) / spent).toFixed(2),
      );
    }
  }
  const [asBuilt = 0, withMeter = 0, withIsolation = 0] = sum;
  row(
    '**all rows**',
    '',
    asBuilt.toFixed(2),
    `**${withMeter.toFixed(2)} (${percent(withMeter, asBuilt)})**`,
    `**${withIsolation.toFixed(2)} (${percent(withIsolation, asBuilt)})**`,
    '',
    '',
  );
}

/** Returns the fuel of all. Throws when one answers other than the first. */
function checked(
  name: string,
  instances: readonly (() => PlainGuest)[],
  views: readonly RequestView[],
): number {
  const [plain, ...others] = instances.map((make) => make());
  let spent = 0;
  for (const view of views) {
    const answer = plain?.inspect(view);
    for (const other of others) {
      // Without isolation an arena goes on where it was, so an answer is another address.
      if ((other.inspect(view) === 0) !== (answer === 0))
        throw new Error(`${name}: another answer`);
      other.reset?.();
    }
    spent += others[0]?.spent() ?? 0;
  }
  return spent;
}

function callsOf(guest: PlainGuest, views: readonly RequestView[]): () => void {
  const { reset } = guest;
  if (reset === null)
    return () => {
      for (const view of views) guest.inspect(view);
    };
  return () => {
    for (const view of views) {
      guest.inspect(view);
      reset();
    }
  };
}

async function kernels(): Promise<void> {
  const [built] = await buildRules({
    sources: [join(root, 'wasm-rules/testing/meter-kernels.ts')],
    outDirectory: join(root, 'build/test-guests'),
  });
  if (built === undefined) throw new Error('the loops were not built');
  const bytes = await readFile(built.path);
  const text = 4_096;
  const length = 1_000;
  say();
  say('## Loops of one kind');
  say();
  say('µs for 1,000 bytes: the worst there is, as nearly nothing stands between two charges.');
  say();
  tableHead('loop', 'as built', 'metered', 'and isolated');
  const instances = [
    instanceOf(bytes),
    instanceOf(rewrite(bytes, false)),
    instanceOf(rewrite(bytes, true)),
  ];
  for (const { memory } of instances) {
    for (let i = 0; i < length; i++) memory[text + i] = 97 + ((i * 7) % 26);
    memory.set([0x61, 0x7a, 0x7a], 8_192);
  }
  for (const [name, third] of Object.entries(kernelArguments)) {
    const calls = instances.map(({ exports }) => {
      const of = (key: string) => exports[key] as ((...parameters: number[]) => number) | undefined;
      const loop = of(name);
      const fuelled = of(fuelledName(name));
      return fuelled === undefined
        ? () => loop?.(text, length, third)
        : () => fuelled(plentyOfFuel, text, length, third);
    });
    if (new Set(calls.map((call) => call())).size !== 1) throw new Error(`${name}: answers differ`);
    const [asBuilt = 0, withMeter = 0, withIsolation = 0] = fastest(calls, 60, 300);
    row(
      name,
      asBuilt.toFixed(3),
      `${withMeter.toFixed(3)} (${percent(withMeter, asBuilt)})`,
      `${withIsolation.toFixed(3)} (${percent(withIsolation, asBuilt)})`,
    );
  }
}

/** Putting back by how much was written. */
function resets(): void {
  say();
  say('## weir:reset');
  say();
  tableHead('memory', 'written in the call', 'µs, weir:touch and weir:reset');
  for (const [pages, granules] of [
    [1, 0],
    [1, 1],
    [1, 3],
    [1, 16],
    [64, 1],
    [64, 64],
    [256, 1],
    [256, 4_096],
  ] as const) {
    const metered = new Metered(assemble({ memory: [pages], functions: [] }), {
      isolates: true,
      memoryPagesMax: 256,
    });
    metered.save();
    const [us = 0] = fastest(
      [
        () => {
          metered.touch(0, granules * 4_096);
          metered.reset();
        },
      ],
      30,
      granules > 100 ? 20 : 2_000,
    );
    row(`${pages * 64} KiB`, `${granules * 4} KiB`, us.toFixed(2));
  }
}

/** Loops of the dearest instructions: what a budget of fuel is in time at worst. */
function lastingFuel(): void {
  const rounds = 20_000;
  const body = (code: string): ModuleText => ({
    memory: [1, 1],
    tables: [[4]],
    elements: [{ at: 0, functions: [1] }],
    globals: [
      { type: 'i64', value: 'i64.const 5' },
      { type: 'i64', value: 'i64.const 81985529216486895' },
    ],
    functions: [
      {
        name: 'f',
        locals: ['i32'],
        code: `i32.const ${rounds} local.set 0
          loop ${code} local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end`,
      },
      { code: '' },
      { locals: Array.from({ length: 3_000 }, () => 'i64' as const), code: '' },
      {
        parameters: Array.from({ length: 128 }, () => 'i64' as const),
        code: 'local.get 127 global.set 0',
      },
    ],
  });
  const codes: Readonly<Record<string, string>> = {
    additions: 'local.get 0 local.get 0 i32.add drop',
    'i64 divisions':
      'global.get 1 global.get 0 i64.div_u i64.const 9223372036854775807 i64.add global.set 1 '.repeat(
        4,
      ),
    calls: 'call 1',
    'calls through a table': 'i32.const 0 call_indirect 1 0',
    'calls of 3,000 locals': 'call 2',
    'calls of 128 parameters': `${'global.get 0 '.repeat(128)} call 3`,
    'memory.fill of nothing': 'i32.const 0 i32.const 0 i32.const 0 memory.fill 0',
    'memory.fill of a page': 'i32.const 0 i32.const 0 i32.const 65536 memory.fill 0',
    'memory.copy of 64 bytes': 'i32.const 0 i32.const 100 i32.const 64 memory.copy 0 0',
    'memory.grow of nothing': 'i32.const 0 memory.grow 0 drop',
    'table.fill of nothing': 'i32.const 0 ref.null 0x70 i32.const 0 table.fill 0',
    'table.copy of 4': 'i32.const 0 i32.const 0 i32.const 4 table.copy 0 0',
    'table.set': 'i32.const 1 ref.func 1 table.set 0',
    'table.grow of nothing': 'ref.null 0x70 i32.const 0 table.grow 0 drop',
  };
  say();
  say('## How long a unit of fuel lasts');
  say();
  say(`${rounds} rounds of a loop. The last column is what a budget of 20,000,000 is in time.`);
  say();
  tableHead('loop of', 'fuel a round', 'ns a unit', '20,000,000 units, ms');
  for (const [name, code] of Object.entries(codes)) {
    const metered = new Metered(assemble(body(code)));
    const fuel = metered.costOf('f');
    const [us = 0] = fastest([() => metered.costOf('f')], 8, 1);
    const ns = (us * 1_000) / fuel;
    row(name, (fuel / rounds).toFixed(0), ns.toFixed(2), (ns * 20).toFixed(0));
  }
}

function instanceOf(bytes: Uint8Array): {
  exports: Readonly<Record<string, unknown>>;
  memory: Buffer;
} {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
  return {
    exports,
    memory: Buffer.from((exports['memory'] as WebAssembly.Memory).buffer),
  };
}

/** The heads of its cases, with the config that most of them have. */
function casesOf(name: string): { config: string; views: readonly RequestView[] } {
  const read = readCases(readFileSync(join(root, 'wasm-rules/rules', name, 'cases.json'), 'utf8'));
  if (!read.ok) throw new Error(`${name}: its cases cannot be read`);
  const byConfig = Map.groupBy(read.cases, ({ config }) => config);
  const [config, cases] = [...byConfig].toSorted(([, a], [, b]) => b.length - a.length)[0] ?? [
    '{}',
    [],
  ];
  return {
    config,
    views: cases.flatMap(({ steps }) => steps.map(({ request }) => requestViewOf(request))),
  };
}
