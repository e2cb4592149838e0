/** Guests of the http-wasm ABI that are wrong, or mean harm: refused at load, or a failure of one request. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { WeirError } from '#core/errors.ts';
import {
  bytesMovedMax,
  hostCallsMax,
  hostFunctionTypes,
  hostModule,
  writtenBodyBytesMax,
} from '#wasm/http-wasm/abi.ts';
import { findHttpWasmFaults, isHttpWasm } from '#wasm/http-wasm/module-faults.ts';
import { readOutline } from '#wasm/meter/module-outline.ts';
import { type ExchangeParts, exchangeThrough } from '../../support/filter-exchange.ts';
import { conformanceGuest, loadHttpWasm } from '../../support/http-wasm-guests.ts';
import { propertySettings } from '../../support/property.ts';
import {
  buildModule,
  type FunctionSpec,
  i32,
  i64,
  type ModuleSpec,
  op,
} from '../../support/wasm-builder.ts';

type Code = readonly (readonly number[])[];

/** All host functions by their index, as imports. */
const imports = Object.entries(hostFunctionTypes).map(([name, type]) => {
  const [parameters = '', result = ''] = type.slice(1).split(')->');
  return {
    module: hostModule,
    name,
    parameters: parameters === '' ? [] : parameters.split(',').map(() => i32),
    results: result === '' ? [] : [result === 'i64' ? i64 : i32],
  };
});
const indexOf = (name: string): number => imports.findIndex((item) => item.name === name);

/** Calls `name` and forgets what it answers. */
function hostCall(name: string, ...values: readonly number[]): Code {
  const at = indexOf(name);
  const drop = (imports[at]?.results.length ?? 0) > 0 ? [op.drop] : [];
  return [...values.map((value) => op.const(value)), op.call(at), ...drop];
}

function plugin(
  request: Code,
  changes: Partial<ModuleSpec> & { readonly response?: Code; readonly start?: number } = {},
): Uint8Array {
  const { response = [], ...spec } = changes;
  const functions: FunctionSpec[] = [
    { name: 'handle_request', results: [i64], code: request },
    { name: 'handle_response', parameters: [i32, i32], code: response },
  ];
  return buildModule({ imports, ...spec, functions: [...functions, ...(spec.functions ?? [])] });
}

/** Lets the request go on with `code` behind it. */
const next = (...code: Code[]): Code => [...code.flat(), op.const64(1)];

describe('an http-wasm module is refused at load when it', () => {
  const faultsOf = (bytes: Uint8Array): readonly string[] => {
    const outline = readOutline(bytes);
    assert(isHttpWasm(outline));
    return findHttpWasmFaults(outline);
  };
  const bare = (functions: readonly FunctionSpec[], spec: Partial<ModuleSpec> = {}): Uint8Array =>
    buildModule({ functions, ...spec });
  const both: readonly FunctionSpec[] = [
    { name: 'handle_request', results: [i64], code: [op.const64(1)] },
    { name: 'handle_response', parameters: [i32, i32], code: [] },
  ];
  const cases: readonly (readonly [string, () => Uint8Array, RegExp])[] = [
    [
      'lacks handle_request',
      () => bare(both.slice(1)),
      /does not export the function handle_request/,
    ],
    [
      'lacks handle_response',
      () => bare(both.slice(0, 1)),
      /does not export the function handle_response/,
    ],
    [
      'hides its memory',
      () => bare(both, { memory: { initial: 1, maximum: 1, exported: 'm' } }),
      /does not export its memory/,
    ],
    [
      'imports a host function there is not',
      () => bare(both, { imports: [{ module: hostModule, name: 'set_path' }] }),
      /imports http_handler\.set_path/,
    ],
    [
      'imports what no ABI of the host has',
      () => bare(both, { imports: [{ module: 'env', name: 'system' }] }),
      /imports env\.system/,
    ],
    [
      'imports a call of WASI there is not',
      () => bare(both, { imports: [{ module: 'wasi_snapshot_preview1', name: 'fork' }] }),
      /imports wasi_snapshot_preview1\.fork/,
    ],
  ];
  for (const [name, bytes, fault] of cases)
    it(name, () => {
      const faults = faultsOf(bytes());
      assert.equal(faults.length, 1);
      assert.match(faults[0] as string, fault);
    });

  it('has nothing wrong: then not', async () => {
    assert.deepEqual(faultsOf(await conformanceGuest()), []);
    assert.deepEqual(faultsOf(plugin(next())), []);
  });

  const instances: readonly (readonly [string, () => Uint8Array, RegExp])[] = [
    [
      'traps in its start function',
      () => plugin(next(), { functions: [{ code: [op.unreachable] }], start: imports.length + 2 }),
      /trap: unreachable/,
    ],
    [
      'traps in _start',
      () => plugin(next(), { functions: [{ name: '_start', code: [op.unreachable] }] }),
      /trap: unreachable/,
    ],
    [
      'asks for a request in _start',
      () => plugin(next(), { functions: [{ name: '_start', code: hostCall('get_method', 0, 0) }] }),
      /abi: get_method needs a request/,
    ],
    [
      'takes a host function for another',
      () =>
        plugin(next(), {
          imports: [
            { module: hostModule, name: 'get_method', parameters: [i32, i32], results: [i64] },
          ],
          functions: [{ name: '_start', code: [op.const(0), op.const(0), op.call(0), op.drop] }],
        }),
      /abi|trap/,
    ],
  ];
  for (const [name, bytes, failure] of instances)
    it(name, () => {
      assert.throws(
        () => loadHttpWasm(bytes()),
        (error: unknown) => {
          assert(error instanceof WeirError, String(error));
          assert.match(error.message, failure);
          return true;
        },
      );
    });
});

it('a start function has the memory, the host calls and the config', () => {
  const code = [...hostCall('get_config', 0, 9), ...hostCall('log', 0, 0, 7)];
  const bytes = plugin(next(), { functions: [{ code }], start: imports.length + 2 });
  const { logged } = loadHttpWasm(bytes, { config: { text: 'a=b c=d' } });
  assert.deepEqual(logged, [[3, 'a=b c=d']]);
});

describe('a call of an http-wasm guest is a failure when it', () => {
  const end = 65_536;
  const cases: readonly (readonly [name: string, code: Code, failure: RegExp])[] = [
    [
      'reads a method into nowhere',
      next(hostCall('get_method', end, 9)),
      /abi: the buffer \(3 bytes at 65536\) lies outside/,
    ],
    ['reads a method over the end', next(hostCall('get_method', end - 2, 9)), /lies outside/],
    ['reads a method to a negative address', next(hostCall('get_method', -1, 9)), /lies outside/],
    [
      'names a header from nowhere',
      next(hostCall('get_header_values', 0, end, 4, 0, 0)),
      /the header name \(4 bytes/,
    ],
    [
      'names a header of a negative length',
      next(hostCall('get_header_values', 0, 0, -1, 0, 0)),
      /limit: more than \d+ bytes moved/,
    ],
    [
      'names no header',
      next(hostCall('get_header_values', 0, 0, 0, 0, 0)),
      /abi: get_header_values: the header name is empty/,
    ],
    [
      'asks for a kind of header there is not',
      next(hostCall('get_header_names', 4, 0, 0)),
      /abi: get_header_names: header kind 4/,
    ],
    [
      'changes a kind of header there is not',
      next(hostCall('remove_header', -1, 0, 1)),
      /abi: remove_header: header kind -1/,
    ],
    [
      'sets a value that is too long',
      next(hostCall('set_header_value', 0, 0, 1, 0, 8_193)),
      /capacity: a header value of 8193 bytes/,
    ],
    ['sets a name of zeros', next(hostCall('set_header_value', 0, 0, 1, 0, 0)), /is no field name/],
    [
      'reads a body without a buffer',
      next(hostCall('read_body', 0, 0, 0)),
      /abi: read_body: the buffer has no room/,
    ],
    [
      'reads a kind of body there is not',
      next(hostCall('read_body', 2, 0, 1)),
      /abi: read_body: body kind 2/,
    ],
    ['writes a body from nowhere', next(hostCall('write_body', 1, end, 1)), /the body \(1 bytes/],
    ['sets no status', next(hostCall('set_status_code', 99)), /abi: status 99/],
    ['answers with a next there is not', [op.const64(2)], /abi: handle_request says next = 2/],
    [
      'answers with a negative next',
      [op.const64(-1)],
      /abi: handle_request says next = 4294967295/,
    ],
    [
      'never ends its calls',
      [
        [0x03, 0x40],
        ...hostCall('log_enabled', 0),
        ...hostCall('get_method', 0, 0),
        [0x0c, 0x00, 0x0b],
        op.const64(1),
      ],
      new RegExp(`limit: more than ${hostCallsMax} host calls`),
    ],
    [
      'never ends its writing',
      [[0x03, 0x40], ...hostCall('write_body', 1, 0, end), [0x0c, 0x00, 0x0b], op.const64(1)],
      new RegExp(`capacity: the bodies written in one call are longer than ${writtenBodyBytesMax}`),
    ],
    [
      'never ends its logging',
      [[0x03, 0x40], ...hostCall('log', 0, 0, end), [0x0c, 0x00, 0x0b], op.const64(1)],
      new RegExp(`limit: more than ${bytesMovedMax} bytes moved`),
    ],
  ];
  for (const [name, code, failure] of cases)
    it(name, async () => {
      const { module, failures } = loadHttpWasm(plugin(code));
      const parts: ExchangeParts = { request: { target: '/', headers: [['Host', 'a']] } };
      const { stop } = await exchangeThrough(module, parts);
      assert(stop?.kind === 'block' && stop.status === 503);
      assert.match(failures[0] ?? '', failure);
      assert.equal(failures.length, 1);
      assert.deepEqual(module.pool.counts, { lent: 0, idle: 0, waiting: 0 });
    });

  it('changes the response without having asked for it', async () => {
    const { module, failures } = loadHttpWasm(
      plugin(next(), { response: hostCall('set_status_code', 404) }),
    );
    const { stop, stoppedIn } = await exchangeThrough(module, {
      request: { target: '/' },
      response: {},
    });
    assert.equal(stop?.kind, 'block');
    assert.equal(stoppedIn, 'response head');
    assert.match(failures[0] ?? '', /needs the feature buffer_response/);
  });

  it('reads the request body after it has gone on', async () => {
    const { module, failures } = loadHttpWasm(
      plugin(next(), { response: hostCall('read_body', 0, 0, 9) }),
    );
    await exchangeThrough(module, { request: { target: '/', body: 'x' }, response: {} });
    assert.match(failures[0] ?? '', /in handle_response the request body has gone on/);
  });
});

describe('any host call with any numbers', () => {
  let seen = 0;
  before(() => {
    seen = 0;
  });
  const number = fc.oneof(
    fc.integer({ min: -2, max: 9 }),
    fc.constantFrom(
      16,
      64,
      4_096,
      8_192,
      65_534,
      65_535,
      65_536,
      65_537,
      0x7fff_ffff,
      -0x8000_0000,
    ),
    fc.integer(),
  );
  const call = fc
    .constantFrom(...imports)
    .chain((item) =>
      fc.tuple(
        fc.constant(item.name),
        fc.array(number, { minLength: item.parameters.length, maxLength: item.parameters.length }),
      ),
    );
  const calls = fc.array(call, { minLength: 1, maxLength: 12 });

  it('is answered, or fails the module; the host goes on', async (test) => {
    await fc.assert(
      fc.asyncProperty(calls, calls, fc.boolean(), async (request, response, enables) => {
        const code = (list: readonly (readonly [string, readonly number[]])[]): Code =>
          list.flatMap(([name, values]) => hostCall(name, ...values));
        const enable = enables ? [...hostCall('enable_features', 7)] : [];
        const bytes = plugin(next([...enable, ...code(request)]), {
          response: code(response),
          data: { at: 0, bytes: [...Buffer.from('x-a: b')] },
        });
        const { module, failures } = loadHttpWasm(bytes);
        const { stop, transaction } = await exchangeThrough(module, {
          request: {
            target: '/a?b',
            headers: [
              ['Host', 'a'],
              ['X-A', 'b'],
            ],
            body: 'body',
          },
          response: { headers: [['x-a', 'b']], body: 'answer' },
        });
        if (stop !== null)
          assert(stop.kind === 'answer' || (stop.kind === 'block' && failures.length === 1));
        for (const edit of [...transaction.requestEdits, ...transaction.responseEdits]) {
          assert.match(edit.name, /^[!#$%&'*+.^_`|~0-9a-z-]+$/);
          assert.doesNotMatch(edit.value, /[\r\n\0]/);
        }
        assert.equal(module.pool.counts.lent, 0);
        seen++;
      }),
      propertySettings(test, 300),
    );
    assert(seen >= 300);
  });
});
