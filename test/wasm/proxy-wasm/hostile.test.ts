/** proxy-wasm modules that are wrong, or mean harm: what is said of them, and that they stay what they are. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { WeirError } from '#core/errors.ts';
import type { ProxyWasmFilter } from '#wasm/proxy-wasm/filter.ts';
import { bytesMovedMax, hostCallsMax } from '#wasm/proxy-wasm/guest-access.ts';
import { hostCallGrants } from '#wasm/proxy-wasm/host-call-grants.ts';
import { serialisePairs } from '#wasm/proxy-wasm/pairs.ts';
import { propertySettings } from '../../support/property.ts';
import {
  type HostileSpec,
  hostCallParameters,
  hostileGuest,
  type MadeCall,
  oddlyTypedGuest,
  valueTypes,
} from '../../support/proxy-wasm-hostile.ts';
import {
  begin,
  exchange,
  type LoadOptions,
  loadProxyWasm,
  logRecord,
} from '../../support/proxy-wasm-run.ts';
import { i32, op } from '../../support/wasm-builder.ts';

function faults(spec: HostileSpec, options: LoadOptions = {}): string {
  try {
    loadProxyWasm(hostileGuest(spec), options);
  } catch (error) {
    if (error instanceof WeirError) return error.details.join('\n');
    throw error;
  }
  return '';
}

const called = (name: string, ...parameters: readonly number[]): HostileSpec => ({
  calls: { proxy_on_request_headers: [{ name, parameters }] },
});

describe('a module is refused at load, by name, when it', () => {
  const all = Object.keys(hostCallParameters).length;
  const imported = (module: string, name: string): HostileSpec => ({
    imports: [{ module, name, parameters: [i32], results: [i32] }],
  });
  const cases: readonly (readonly [string, HostileSpec, RegExp])[] = [
    [
      'speaks 0.1.0',
      { version: '0_1_0' },
      /^speaks proxy-wasm 0\.1\.0: this host speaks 0\.2\.0 and 0\.2\.1/,
    ],
    [
      'is older than versions',
      { without: ['proxy_abi_version_0_2_1'] },
      /^exports no proxy_abi_version: it was built before proxy-wasm had versions/,
    ],
    ['cannot allocate', { without: ['malloc'] }, /neither proxy_on_memory_allocate nor malloc/],
    ['knows no contexts', { without: ['proxy_on_context_create'] }, /proxy_on_context_create/],
    ['shows no memory', { memory: { initial: 1, exported: 'ram' } }, /under the name memory/],
    [
      'takes part in nothing',
      {
        without: [
          ...['proxy_on_request_headers', 'proxy_on_request_body', 'proxy_on_response_headers'],
          ...['proxy_on_response_body', 'proxy_on_done', 'proxy_on_log'],
        ],
      },
      /exports no callback of an HTTP request/,
    ],
    [
      'was made for another host',
      imported('env', 'proxy_kv_store_open'),
      /imports env\.proxy_kv_store_open, which is no call of proxy-wasm 0\.2/,
    ],
    [
      'wants what WASI does not have',
      imported('wasi_snapshot_preview1', 'x'),
      /imports wasi_.*\.x/,
    ],
    ['wants a call of Weir', imported('weir', 'log'), /imports weir\.log/],
    ['has a start function without an end', { start: [op.spin] }, /^fuel: used up its fuel/],
    ['traps in its start function', { start: [op.unreachable] }, /^trap: unreachable/],
    [
      'does not start',
      { answers: { proxy_on_vm_start: 0 } },
      /config: its proxy_on_vm_start answered false/,
    ],
  ];
  for (const [name, spec, expected] of cases) it(name, () => assert.match(faults(spec), expected));

  for (const [name, grant] of Object.entries(hostCallGrants)) {
    if (grant === null) continue;
    it(`imports ${name} without the grant ${grant}`, () => {
      assert.equal(
        faults(called(name), { grants: [] }),
        `imports env.${name}, which it is not granted: add "${grant}" to grants of the module`,
      );
      assert.equal(faults(called(name), { grants: [grant] }), '');
    });
  }

  it('wants the clock of WASI without the grant', () => {
    assert.match(
      faults(imported('wasi_snapshot_preview1', 'clock_time_get'), { grants: [] }),
      /"clock"/,
    );
  });

  it('and else may import every call there is', () => {
    const names = Object.keys(hostCallGrants).filter((name) => name.startsWith('proxy_'));
    assert.deepEqual(Object.keys(hostCallParameters).toSorted(), names.toSorted());
    const calls = names.map((name) => ({ name, parameters: [] }));
    assert.equal(faults({ calls: { proxy_on_log: calls } }), '');
    assert.ok(all >= 40);
  });
});

describe('what is not supported is refused by name, once', () => {
  for (const name of ['proxy_grpc_call', 'proxy_call_foreign_function', 'proxy_close_stream'])
    it(name, async () => {
      const { filter, logs, failures } = loadProxyWasm(hostileGuest(called(name)));
      for (let i = 0; i < 3; i++) assert.equal((await exchange(filter)).stop, null);
      assert.equal(logs.length, 1, logs.join('\n'));
      assert.match(logs[0] ?? '', new RegExp(`^2 refused: ${name}`));
      assert.deepEqual(failures, []);
    });
});

describe('a guest that asks too much in one call fails', () => {
  it('with more host calls than it may make', async () => {
    const many = (count: number): HostileSpec => ({
      calls: {
        proxy_on_request_headers: Array.from({ length: count }, () => ({
          name: 'proxy_clear_route_cache',
          parameters: [],
        })),
      },
    });
    const good = loadProxyWasm(hostileGuest(many(hostCallsMax)));
    assert.equal((await exchange(good.filter)).stop, null);
    const bad = loadProxyWasm(hostileGuest(many(hostCallsMax + 1)));
    assert.equal((await exchange(bad.filter)).stop?.kind, 'block');
    assert.match(bad.failures.join(), /limit: makes more than 4000 host calls/);
  });

  it('with more bytes than they may move', async () => {
    const log = { name: 'proxy_log', parameters: [2, 0, 65_536] };
    const times = (count: number): HostileSpec => ({
      calls: { proxy_on_request_headers: Array.from({ length: count }, () => log) },
    });
    const good = loadProxyWasm(hostileGuest(times(bytesMovedMax / 65_536)));
    assert.equal((await exchange(good.filter)).stop, null);
    const bad = loadProxyWasm(hostileGuest(times(bytesMovedMax / 65_536 + 1)));
    await exchange(bad.filter);
    assert.match(bad.failures.join(), /limit: moves more than/);
  });
});

it('an allocator that points outside the memory gets nothing written', async () => {
  for (const allocated of [0, 65_535, -1, 2 ** 31 - 1]) {
    const spec = { ...called('proxy_get_header_map_pairs', 0, 0, 4), allocated };
    const { filter, failures } = loadProxyWasm(hostileGuest(spec));
    assert.equal((await exchange(filter)).stop, null);
    assert.deepEqual(failures, []);
  }
});

it('types that the host call does not have are a failure', async () => {
  const { v128, funcref, externref, f64, i64 } = valueTypes;
  for (const parameter of [v128, funcref, externref, f64, i64, i32])
    for (const result of [v128, funcref, externref, f64, i64, i32]) {
      const { filter, failures } = loadProxyWasm(oddlyTypedGuest(parameter, result));
      const { stop } = await exchange(filter);
      assert.equal(stop?.kind === 'block' ? failures.length : 0, failures.length);
    }
});

describe('a map that is not there', () => {
  /** What the calls answered, which the guest keeps in its memory. */
  const kept = (filter: ProxyWasmFilter, count: number): number[] => {
    const memory = filter.guest().access.raw;
    assert.ok(memory !== null);
    return [...new Uint32Array(memory.buffer, 1_000, count)];
  };
  const statuses = async (callback: string, calls: readonly MadeCall[]): Promise<number[]> => {
    const { filter } = loadProxyWasm(hostileGuest({ calls: { [callback]: calls }, keeps: 1_000 }));
    await exchange(filter);
    return kept(filter, calls.length);
  };
  const reads: readonly MadeCall[] = [
    { name: 'proxy_get_header_map_pairs', parameters: [2, 500, 504] },
    { name: 'proxy_get_header_map_value', parameters: [2, 0, 1, 500, 504] },
    { name: 'proxy_get_header_map_size', parameters: [2, 500] },
    { name: 'proxy_get_header_map_pairs', parameters: [8, 500, 504] },
  ];

  it('is an empty one, and has no values', async () => {
    assert.deepEqual(await statuses('proxy_on_request_headers', reads), [0, 2, 2, 2]);
  });

  it('and in a log callback its values are not found', async () => {
    const spec = { calls: { proxy_on_log: reads }, keeps: 1_000 };
    const { filter } = loadProxyWasm(hostileGuest(spec));
    const { run } = begin(filter).step;
    run.requestHead(true);
    run.log(logRecord(403));
    run.end();
    assert.deepEqual(kept(filter, 4), [0, 1, 1, 2]);
  });
});

it('an action that does not exist is a failure', async () => {
  for (const name of ['proxy_on_request_headers', 'proxy_on_response_headers']) {
    const { filter, failures } = loadProxyWasm(hostileGuest({ answers: { [name]: 2 } }));
    assert.equal((await exchange(filter)).stop?.kind, 'block');
    assert.match(failures.join(), new RegExp(`abi: ${name} answered 2`));
  }
});

describe('whatever a guest does', () => {
  /** Maps that are right and maps that are not, names, paths: what calls look for in the memory. */
  const data = [
    ...serialisePairs([
      [':method', 'GET'],
      [':path', '/x'],
      [':authority', 'a'],
      ['x-a', 'b'],
    ]),
    ...Buffer.from('x-name\0request\0path\0auth.example\0'),
    ...Array.from({ length: 64 }, (_, i) => (i * 37) & 255),
  ];
  const word = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 12 }) },
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 200 }) },
    { weight: 2, arbitrary: fc.integer({ min: 65_500, max: 65_560 }) },
    { weight: 2, arbitrary: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
    { weight: 1, arbitrary: fc.constantFrom(-1, -(2 ** 31), 2 ** 31 - 1, 65_536) },
  );
  const call: fc.Arbitrary<MadeCall> = fc.record({
    name: fc.constantFrom(...Object.keys(hostCallParameters)),
    parameters: fc.array(word, { minLength: 12, maxLength: 12 }),
  });
  const some = fc.array(call, { maxLength: 12 });
  const action = fc.integer({ min: 0, max: 4 });

  it('the host goes on, and the request gets an answer', async (test) => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on('warning', onWarning);
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          proxy_on_context_create: some,
          proxy_on_configure: some,
          proxy_on_request_headers: some,
          proxy_on_request_body: some,
          proxy_on_response_headers: some,
          proxy_on_response_body: some,
          proxy_on_http_call_response: some,
          proxy_on_queue_ready: some,
          proxy_on_done: some,
          proxy_on_log: some,
          proxy_on_delete: some,
        }),
        fc.record({
          proxy_on_request_headers: action,
          proxy_on_request_body: action,
          proxy_on_response_headers: action,
          proxy_on_response_body: action,
        }),
        word,
        async (calls, answers, allocated) => {
          const { filter } = loadProxyWasm(hostileGuest({ calls, answers, allocated, data }), {
            fetch: ['https://auth.example/'],
            call: async () => ({ status: 200, fields: { a: ['b', 'c'] }, body: Buffer.from('d') }),
          });
          // A guest that waits for nothing is given up on by the host; here by the test.
          const outcome = await Promise.race([
            exchange(filter, { method: 'POST', body: 'request body' }, { body: 'response body' }),
            new Promise((resolve) => setImmediate(() => setImmediate(resolve))),
          ]);
          if (outcome === undefined) filter.fail('no word from it');
          filter.close();
        },
      ),
      propertySettings(test, 300),
    );
    process.off('warning', onWarning);
    assert.deepEqual(warnings, []);
  });
});
