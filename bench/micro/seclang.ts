/**
 * Question: what do the Core Rule Set and `builtin:core` add to a request, in µs of CPU, at each paranoia level? And how
 * long do they take to load, how much memory does an instance have?
 *
 *     node bench/micro/seclang.ts [--rules crs,core] [--paranoia 1,4] [--crs FOLDER] [--out FILE]
 *
 * A call is what the edge makes of a request: the head view is there, the filter begins, runs phases 1 and 2 and, where
 * nothing stops the request, phases 3 to 5 over a short answer without a body. Requests take turns; the fastest round
 * counts. Each answer is checked first: the attack is stopped, the others pass.
 *
 * Rules remember what values came to. So each request is measured twice: the same again and again, all of whose values
 * are known, and one of many that differ in what is a client's own (user agent, referrer, cookies, arguments, path, body).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BenchRequest, benchRequests, withOwnValues } from '#toolchain/bench-requests.ts';
import { buildRuleSet } from '#toolchain/build-rule-set.ts';
import { Transaction } from '#waf/transaction.ts';
import { type BuiltRequest, requestView, responseView } from '#wasm/seclang/built-request.ts';
import { readModule } from '#wasm/seclang/module-file.ts';
import { SeclangFilter } from '#wasm/seclang/seclang-filter.ts';
import { coreFolder } from '../../test/support/core-rules.ts';
import { fastest } from '../support/interleaved.ts';
import { machine } from '../support/results.ts';
import { seclangLimits } from '../support/seclang-limits.ts';

const { values } = parseArgs({
  options: {
    rules: { type: 'string', default: 'crs,core' },
    paranoia: { type: 'string', default: '1,4' },
    crs: { type: 'string', default: join(import.meta.dirname, '../../../shared/crs') },
    out: { type: 'string' },
  },
});
/** More than the engine remembers the values of; those of one request are none of another's. */
const variants = 600;
const lines: string[] = [];
const say = (line = ''): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};

say('# Rule sets, µs of CPU a request');
say();
say(`${machine}. \`node bench/micro/seclang.ts\`, fastest of the rounds; requests take turns.`);
const sets = values.rules.split(',').map((name) => {
  if (name === 'crs') return { title: 'The Core Rule Set', folder: values.crs };
  if (name === 'core') return { title: 'builtin:core', folder: coreFolder };
  throw new Error(`--rules takes crs and core, not ${name}`);
});
for (const paranoia of values.paranoia.split(',').map(Number))
  for (const { title, folder } of sets) bench(title, folder, paranoia);
if (values.out !== undefined) writeFileSync(values.out, `${lines.join('\n')}\n`);

function bench(title: string, folder: string, paranoia: number): void {
  const request = {
    name: 'crs',
    paths: [folder],
    paranoia,
    inboundThreshold: null,
    outboundThreshold: null,
    setup: {},
    exclusions: [],
    keepsRuleEngine: false,
  };
  const builtAt = performance.now();
  const { bytes, stats } = buildRuleSet(request, null);
  const builtMs = performance.now() - builtAt;
  const loadedAt = performance.now();
  const module = readModule(bytes);
  if (module === null) throw new Error('it was just built');
  const compiled = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  const filter = new SeclangFilter(
    { name: 'crs', sha256: '', failure: 'closed', fuel: 100_000_000 },
    compiled,
    module.facts,
    seclangLimits,
    (message) => {
      throw new Error(message);
    },
    () => {},
  );
  const loadMs = performance.now() - loadedAt;
  const checkedCall = (one: BenchRequest): (() => boolean) => {
    const call = callOf(filter, one);
    const isStopped = call();
    // Above the first level ordinary requests may be stopped too, which is what these levels are.
    if (one.isAttack ? !isStopped : isStopped && paranoia === 1)
      throw new Error(`${one.name} was ${isStopped ? '' : 'not '}stopped`);
    return call;
  };
  const calls = benchRequests.map(checkedCall);
  const stopped = calls.map((call) => call());
  const ownCalls = benchRequests.map((one, which) =>
    inTurn(
      Array.from({ length: variants }, (_, number) =>
        checkedCall(withOwnValues(one, which * variants + number)),
      ),
    ),
  );
  for (const call of [...calls, ...ownCalls]) for (let i = 0; i < 500; i++) call();
  const us = fastest([...calls, ...ownCalls], 40, 50);
  const fuel = calls.map((call) => {
    const before = filter.fuelUsed;
    call();
    return filter.fuelUsed - before;
  });
  say();
  say(`## ${title}, paranoia ${paranoia}`);
  say();
  say(
    `${stats?.rules ?? 0} rules, module of ${(bytes.length / 1e6).toFixed(1)} MB, built in ${(builtMs / 1_000).toFixed(1)} s, loaded in ${loadMs.toFixed(0)} ms, instance of ${((filter.memoryBytes ?? 0) / 1e6).toFixed(0)} MB of address space.`,
  );
  say();
  say('| request | µs, the same again | µs, values of its own | units of fuel | answer |');
  say('| --- | --- | --- | --- | --- |');
  for (const [index, { name }] of benchRequests.entries())
    say(
      `| ${name} | ${us[index]?.toFixed(1)} | ${us[calls.length + index]?.toFixed(1)} | ${fuel[index]} | ${stopped[index] === true ? 'stopped' : 'passes'} |`,
    );
}

function inTurn(calls: readonly (() => boolean)[]): () => boolean {
  let at = 0;
  return () => calls[at++ % calls.length]?.() ?? false;
}

/** Whether the request is stopped. */
function callOf(filter: SeclangFilter, { request, body }: BenchRequest): () => boolean {
  const view = requestView(request satisfies BuiltRequest);
  const response = responseView(200, [['Content-Length', '0']]);
  const facts = { clientAddress: '192.0.2.1', tls: false };
  const window =
    body === null
      ? null
      : {
          bytes: Buffer.from(body),
          overlap: 0,
          position: 0,
          isFirst: true,
          isLast: true,
          isWhole: true,
        };
  return () => {
    const transaction = new Transaction(view, facts, '0123456789abcdef-00000001', 'r', 'u', false);
    const run = filter.begin(transaction);
    let stop = run.requestHead(window === null);
    if (window !== null) stop = run.requestBody(window);
    if (stop === null) {
      transaction.response = response;
      run.responseHead(true);
    }
    run.end();
    return stop !== null;
  };
}
