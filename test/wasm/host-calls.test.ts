/** Host calls by themselves: what they answer, what they refuse, and what hostile numbers do. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GuestFailure } from '#wasm/guest-failure.ts';
import { bytesMovedMax, hostCallsMax } from '#wasm/hostcalls/call-site.ts';
import { hostCalls } from '#wasm/hostcalls/host-calls.ts';
import { findImportFaults } from '#wasm/hostcalls/import-faults.ts';
import { keyBytesMax, valueBytesMax } from '#wasm/hostcalls/key-value.ts';
import { allGrants, HostCallHarness, pageBytes } from '../support/host-call-harness.ts';

const failure = (kind: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GuestFailure, String(error));
  assert.equal(error.kind, kind);
  assert.match(error.message, text);
  return true;
};

describe('log', () => {
  it('writes a line with level and module, on one line', () => {
    const host = new HostCallHarness();
    host.call('log', 2, ...host.put('first\nsecond'));
    assert.deepEqual(host.logged, [{ level: 2, module: 'm', text: 'first second' }]);
  });

  it('cuts a text at 1,024 bytes and refuses a level that is none', () => {
    const host = new HostCallHarness();
    host.call('log', 1, ...host.put('x'.repeat(2_000)));
    assert.equal(host.logged[0]?.text.length, 1_024);
    assert.throws(() => host.call('log', 5, 0, 0), failure('abi', /level 5 is not 1 to 4/));
    assert.throws(() => host.call('log', 0, 0, 0), failure('abi', /level 0/));
  });
});

describe('clocks', () => {
  it('answer milliseconds since 1970 and microseconds that never go back', () => {
    const host = new HostCallHarness();
    const before = BigInt(Date.now());
    const wall = host.call('now_wall');
    assert.ok(typeof wall === 'bigint' && wall >= before && wall <= BigInt(Date.now()));
    const first = host.call('now_monotonic');
    const second = host.call('now_monotonic');
    assert.ok(typeof first === 'bigint' && typeof second === 'bigint' && second >= first);
  });
});

describe('property', () => {
  const host = new HostCallHarness();
  host.transaction?.addTag('bot/known');
  host.transaction?.addTag('geo:de');
  const cases: readonly [string, string | null][] = [
    ['request.id', 'id-1'],
    ['route', 'example.org /'],
    ['upstream', 'app'],
    ['score', '0'],
    ['tags', 'bot/known geo:de'],
    ['module.version', '0123abcd'],
    ['secret', null],
    ['', null],
  ];
  for (const [name, expected] of cases) {
    it(`${name || '(empty)'} is ${expected ?? 'not known'}`, () => {
      assert.equal(host.read('property', host.put(name)), expected);
    });
  }

  it('writes nothing where the room is too small, and says how much is needed', () => {
    const [at] = host.put('untouched');
    assert.equal(host.call('property', ...host.put('route'), at, 4), 13);
    assert.equal(host.text(at, 9), 'untouched');
  });

  it('knows only the version while there is no request', () => {
    host.transaction = null;
    assert.equal(host.read('property', host.put('request.id')), null);
    assert.equal(host.read('property', host.put('module.version')), '0123abcd');
  });
});

describe('key-value', () => {
  for (const [scope, name] of ['request', 'worker', 'node'].entries()) {
    it(`${name}: keeps, replaces and deletes what it was given`, () => {
      const host = new HostCallHarness();
      const key = host.put('key');
      assert.equal(host.read('kv_get', [scope, ...key]), null);
      const value = host.put('value');
      assert.equal(host.call('kv_set', scope, ...key, ...value, 60_000), 0);
      // What the guest does to its memory afterwards is not the value's affair.
      Buffer.from(host.memory.buffer).fill(0, value[0], value[0] + value[1]);
      assert.equal(host.read('kv_get', [scope, ...key]), 'value');
      assert.equal(host.call('kv_set', scope, ...key, ...host.put('other'), 0), 0);
      assert.equal(host.read('kv_get', [scope, ...key]), 'other');
      assert.equal(host.call('kv_delete', scope, ...key), 0);
      assert.equal(host.call('kv_delete', scope, ...key), -1);
      assert.equal(host.read('kv_get', [scope, ...key]), null);
    });
  }

  it('keeps modules apart in every scope', () => {
    const one = new HostCallHarness({ name: 'one' });
    const two = new HostCallHarness({ name: 'two' }, { values: one.services.values });
    two.transaction = one.transaction;
    for (const scope of [0, 1, 2]) {
      one.call('kv_set', scope, ...one.put('k'), ...one.put('secret'), 0);
      assert.equal(two.read('kv_get', [scope, ...two.put('k')]), null);
      assert.equal(one.read('kv_get', [scope, ...one.put('k')]), 'secret');
    }
  });

  it('takes keys of 1 to 256 bytes, and values up to 64 KiB', () => {
    const host = new HostCallHarness();
    const [at] = host.room(0);
    const set = (keyLength: number, valueLength: number) =>
      host.call('kv_set', 1, at, keyLength, 0, valueLength, 0);
    assert.equal(set(0, 1), -1);
    assert.equal(set(1, 1), 0);
    assert.equal(set(keyBytesMax, 1), 0);
    assert.equal(set(keyBytesMax + 1, 1), -1);
    assert.equal(set(1, valueBytesMax), 0);
    host.memory.grow(1);
    assert.equal(set(1, valueBytesMax + 1), -1);
  });

  it('says that a scope needs its grant, and what the fleet has', () => {
    const host = new HostCallHarness({ grants: ['kv:worker'] });
    const key = host.put('k');
    assert.throws(
      () => host.read('kv_get', [2, ...key]),
      failure('denied', /add kv:node to the grants/),
    );
    assert.throws(() => host.call('kv_delete', 0, ...key), failure('denied', /kv:request/));
    assert.throws(
      () => host.call('count', 3, ...key, 1, 1_000),
      failure('denied', /add kv:fleet to the grants/),
    );
    const fleet = new HostCallHarness({ grants: ['kv:fleet'] });
    const name = fleet.put('k');
    assert.equal(fleet.call('count', 3, ...name, 2, 1_000_000), 2n);
    assert.throws(() => fleet.call('count', 3, ...name, -1, 1_000), failure('abi', /0 or more/));
    for (const call of ['kv_get', 'kv_set', 'kv_delete'])
      assert.throws(
        () => fleet.call(call, 3, ...name, ...name, 0),
        failure('abi', /counts and limits, and no values: use scope 2/),
      );
    assert.throws(() => host.call('kv_delete', 4, ...key), failure('abi', /scope 4 is not 0 to 3/));
    assert.throws(() => host.call('kv_delete', -1, ...key), failure('abi', /scope -1/));
  });

  it('has no request scope while the module is configured', () => {
    const host = new HostCallHarness();
    host.transaction = null;
    assert.throws(
      () => host.read('kv_get', [0, ...host.put('k')]),
      failure('abi', /needs a request/),
    );
  });
});

describe('count', () => {
  it('adds up by key and window', () => {
    const host = new HostCallHarness();
    const key = host.put('k');
    const add = (delta: number, windowMs = 86_400_000) =>
      host.call('count', 1, ...key, delta, windowMs);
    assert.equal(add(1), 1n);
    assert.equal(add(4), 5n);
    assert.equal(add(0), 5n);
    assert.equal(add(-2), 3n);
    assert.equal(add(1, 80_000_000), 1n);
    assert.equal(host.call('count', 2, ...key, 1, 86_400_000), 1n);
  });

  it('refuses a window or a key that is none, and the request scope', () => {
    const host = new HostCallHarness();
    const key = host.put('k');
    assert.throws(() => host.call('count', 1, ...key, 1, 0), failure('abi', /window of 0 ms/));
    assert.throws(() => host.call('count', 1, ...key, 1, -5), failure('abi', /window of -5 ms/));
    assert.throws(() => host.call('count', 1, ...key, 1, 86_400_001), failure('abi', /window/));
    assert.throws(() => host.call('count', 1, 0, 0, 1, 1_000), failure('abi', /key of 0 bytes/));
    assert.throws(() => host.call('count', 0, ...key, 1, 1_000), failure('abi', /no counts/));
  });
});

describe('bounds of a call', () => {
  it('ends at the 1,001st host call, and begins anew with the next call', () => {
    const host = new HostCallHarness();
    for (let i = 0; i < hostCallsMax; i++) host.call('now_wall');
    assert.throws(() => host.call('now_wall'), failure('limit', /more than 1000 host calls/));
    host.budget.reset();
    host.call('now_wall');
  });

  it('ends when more than 1 MiB was moved', () => {
    const host = new HostCallHarness();
    const set = () => host.call('kv_set', 1, 0, 1, 0, 65_535, 0);
    for (let i = 0; i < bytesMovedMax / pageBytes; i++) assert.equal(set(), 0);
    assert.throws(set, failure('limit', /1048576 bytes/));
  });

  it('counts each call by module and name', () => {
    const host = new HostCallHarness();
    host.call('now_wall');
    host.call('now_wall');
    assert.equal(host.samples.get('weir_module_host_calls_total{module="m",call="now_wall"}'), 2);
  });

  it('has no memory to look at in a start function', () => {
    const host = new HostCallHarness();
    host.hasMemory = false;
    assert.throws(() => host.call('log', 1, 0, 1), failure('abi', /weir\.log: .*start function/));
  });

  it('follows a memory that has grown', () => {
    const host = new HostCallHarness();
    host.call('log', 1, ...host.put('before'));
    host.memory.grow(1);
    Buffer.from(host.memory.buffer).write('after', pageBytes);
    host.call('log', 1, pageBytes, 5);
    assert.deepEqual(
      host.logged.map(({ text }) => text),
      ['before', 'after'],
    );
  });
});

describe('hostile ranges', () => {
  // Every parameter that is an address or a length, with numbers that lead outside.
  const outside: readonly (readonly [string, number, number])[] = [
    ['a length of -1', 16, -1],
    ['a range over the end', pageBytes - 4, 5],
    ['an address behind the end', pageBytes, 1],
    ['an address of -1', -1, 1],
    ['both at the top', -1, -1],
    ['the smallest numbers', -2_147_483_648, -2_147_483_648],
    ['the largest numbers', 2_147_483_647, 2_147_483_647],
  ];
  const calls: Readonly<Record<string, (at: number, length: number) => (number | bigint)[][]>> = {
    log: (at, length) => [[1, at, length]],
    property: (at, length) => [
      [at, length, 0, 0],
      [0, 5, at, length],
    ],
    kv_get: (at, length) => [[1, 0, 1, at, length]],
    kv_set: (at) => [
      [1, at, 8, 0, 1, 0],
      [1, 0, 1, at, 8, 0],
    ],
    kv_delete: (at) => [[1, at, 8]],
    count: (at) => [[1, at, 8, 1, 1_000]],
  };
  for (const [name, shapes] of Object.entries(calls)) {
    for (const [what, at, length] of outside) {
      it(`${name} with ${what} is the guest's failure`, () => {
        const host = new HostCallHarness();
        host.call('kv_set', 1, 0, 1, 0, 16, 0);
        Buffer.from(host.memory.buffer).write('route', 0);
        for (const parameters of shapes(at, length)) {
          // Short ones inside the memory are right: those cases are about the length.
          if (at >= 0 && at + 8 <= pageBytes && !parameters.includes(length)) continue;
          assert.throws(() => host.call(name, ...parameters), failure('abi', /outside the memory/));
        }
      });
    }
  }
});

describe('imports', () => {
  const functionOf = (name: string, type?: string, module = 'weir') => ({
    module,
    name,
    kind: 'function',
    ...(type === undefined ? {} : { type }),
  });

  it('are granted by name, nothing else is there', () => {
    const host = new HostCallHarness({ grants: ['clock'] });
    assert.deepEqual(
      hostCalls().flatMap(({ name }) => (host.has(name) ? [name] : [])),
      ['now_wall', 'now_monotonic'],
    );
  });

  it('without faults: granted ones, with their types or without, and env.abort', () => {
    const imports = [
      ...hostCalls().map(({ name, signature }) => functionOf(name, signature)),
      functionOf('log'),
      functionOf('abort', '(i32,i32,i32,i32)->()', 'env'),
    ];
    assert.deepEqual(findImportFaults(imports, allGrants), []);
  });

  const faults: readonly [
    object & { module: string; name: string; kind: string },
    string[],
    string,
  ][] = [
    [functionOf('log'), [], 'imports weir.log, which needs a grant: add grants: [log]'],
    [
      functionOf('kv_get'),
      ['log'],
      'imports weir.kv_get, each scope of which needs a grant: add grants: [kv:request], [kv:worker], [kv:node] or [kv:fleet]',
    ],
    [
      functionOf('kv_gte'),
      [],
      'imports weir.kv_gte, which is no host call of this Weir (kv_get is one): see wasm-rules/abi.md, "Host calls"',
    ],
    [
      functionOf('log', '(i32,i32)->()'),
      ['log'],
      'imports weir.log as (i32,i32)->(): it is (i32,i32,i32)->()',
    ],
    [
      functionOf('fd_write', undefined, 'wasi_snapshot_preview1'),
      [],
      'imports function wasi_snapshot_preview1.fd_write: only the function env.abort and the host calls of weir may be imported',
    ],
    [
      { module: 'weir', name: 'log', kind: 'memory' },
      ['log'],
      'imports memory weir.log: only the function env.abort and the host calls of weir may be imported',
    ],
  ];
  for (const [item, grants, expected] of faults) {
    it(expected, () => assert.deepEqual(findImportFaults([item], grants), [expected]));
  }
});
