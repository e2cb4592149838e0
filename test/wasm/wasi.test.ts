/** WASI calls as a guest makes them: what they answer, what they print, and what wrong addresses get. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GuestFailure } from '#wasm/guest-failure.ts';
import { GuestMemory } from '#wasm/guest-memory.ts';
import {
  iovecsMax,
  isWasiFunction,
  printedLineBytesMax,
  randomBytesMax,
  wasi,
} from '#wasm/wasi.ts';

const pageBytes = 65_536;
const fault = 21;

function host(options: { environment?: readonly string[]; bytesMax?: number } = {}) {
  const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
  const printed: string[] = [];
  let left = options.bytesMax ?? Number.POSITIVE_INFINITY;
  const { imports, flush } = wasi({
    memory: () => memory,
    print: (descriptor, line) => printed.push(`${descriptor} ${line}`),
    spend: (bytes) => {
      left -= bytes;
      if (left < 0) throw new GuestFailure('abi', 'too much');
    },
    wallNanoseconds: () => 1_700_000_000_123_456_789n,
    monotonicNanoseconds: () => 42n,
    environment: options.environment ?? [],
  });
  const call = (name: string, ...parameters: readonly (number | bigint)[]): number => {
    const found = imports[name] as
      | ((...values: readonly (number | bigint)[]) => number)
      | undefined;
    assert.ok(found, name);
    return found(...parameters);
  };
  /** One `fd_write` of these pieces, which lie one behind the other from 1,000 on. */
  const print = (descriptor: number, ...pieces: readonly string[]): number => {
    let at = 1_000;
    for (const [index, piece] of pieces.entries()) {
      const length = memory.bytes.write(piece, at);
      memory.bytes.writeUInt32LE(at, index * 8);
      memory.bytes.writeUInt32LE(length, index * 8 + 4);
      at += length;
    }
    return call('fd_write', descriptor, 0, pieces.length, 512);
  };
  return { memory, printed, call, print, flush };
}

describe('what a guest prints', () => {
  it('comes out by lines, whatever the pieces are', () => {
    const { printed, print, flush, memory } = host();
    assert.equal(print(1, 'one', ' and\ntwo\n', '\nthr'), 0);
    assert.equal(memory.bytes.readUInt32LE(512), 16);
    print(2, 'error\n');
    print(1, 'ee');
    flush();
    assert.deepEqual(printed, ['1 one and', '1 two', '2 error', '1 three']);
  });

  it('is cut where a line is too long', () => {
    const { printed, print, flush } = host();
    print(1, 'a'.repeat(printedLineBytesMax + 5));
    flush();
    assert.deepEqual(
      printed.map((line) => line.length - 2),
      [printedLineBytesMax, 5],
    );
  });

  it('is bounded by the host', () => {
    const { print } = host({ bytesMax: 10 });
    print(1, 'ten bytes\n');
    assert.throws(() => print(1, '!'), GuestFailure);
  });

  it('goes to the two outputs only, in at most so many pieces', () => {
    const { call, print } = host();
    assert.equal(print(3, 'x'), 8);
    assert.equal(call('fd_write', 1, 0, iovecsMax + 1, 512), 28);
  });
});

it('the time is that of the clock asked for', () => {
  const { call, memory } = host();
  assert.equal(call('clock_time_get', 0, 0n, 8), 0);
  assert.equal(memory.bytes.readBigUInt64LE(8), 1_700_000_000_123_456_789n);
  assert.equal(call('clock_time_get', 1, 0n, 8), 0);
  assert.equal(memory.bytes.readBigUInt64LE(8), 42n);
  assert.equal(call('clock_time_get', 9, 0n, 8), 28);
});

it('the environment is what the configuration gives, in the layout of libc', () => {
  const { call, memory } = host({ environment: ['A=1', 'LIST=x,y'] });
  assert.equal(call('environ_sizes_get', 0, 4), 0);
  assert.deepEqual([...memory.words.slice(0, 2)], [2, 13]);
  assert.equal(call('environ_get', 16, 100), 0);
  assert.deepEqual([...memory.words.slice(4, 6)], [100, 104]);
  assert.equal(memory.bytes.toString('latin1', 100, 113), 'A=1\0LIST=x,y\0');
});

it('random bytes fill what was asked for and nothing else', () => {
  const { call, memory } = host();
  assert.equal(call('random_get', 100, 64), 0);
  assert.ok(memory.bytes.subarray(100, 164).some((byte) => byte !== 0));
  assert.ok(memory.bytes.subarray(164).every((byte) => byte === 0));
  assert.equal(call('random_get', 0, randomBytesMax + 1), 28);
});

it('there are no arguments, no files, no folders and no waiting', () => {
  const { call, memory } = host();
  memory.words.fill(7, 0, 2);
  assert.equal(call('args_sizes_get', 0, 4), 0);
  assert.deepEqual([...memory.words.slice(0, 2)], [0, 0]);
  assert.equal(call('fd_prestat_get', 3, 0), 8);
  for (const name of ['path_open', 'sock_send', 'poll_oneoff'])
    assert.equal(call(name, 0, 0, 0, 0), 52, name);
});

it('a guest that ends itself has failed', () => {
  assert.throws(() => host().call('proc_exit', 3), /proc_exit\(3\)/);
});

it('an address outside the memory is answered with FAULT', () => {
  const { call, memory } = host({ environment: ['A=1'] });
  for (const at of [pageBytes - 3, pageBytes, -4, 2 ** 31]) {
    assert.equal(call('args_sizes_get', at, 0), fault);
    assert.equal(call('environ_get', at, 0), fault);
    assert.equal(call('environ_get', 0, at), fault);
    assert.equal(call('clock_time_get', 0, 0n, at), fault);
    assert.equal(call('random_get', at, 8), fault);
    assert.equal(call('fd_write', 1, at, 1, 0), fault);
    assert.equal(call('fd_fdstat_get', 1, at), fault);
  }
  memory.bytes.writeUInt32LE(pageBytes - 1, 0);
  memory.bytes.writeUInt32LE(2, 4);
  assert.equal(call('fd_write', 1, 0, 1, 512), fault);
});

it('only functions of WASI count as such', () => {
  assert.equal(isWasiFunction('fd_write'), true);
  assert.equal(isWasiFunction('path_open'), true);
  assert.equal(isWasiFunction('constructor'), false);
});

it('whatever numbers a guest hands over, it gets a number or a failure of its own', () => {
  const { imports } = wasi({
    memory: () => memory,
    print: () => undefined,
    spend: () => undefined,
    wallNanoseconds: () => 0n,
    monotonicNanoseconds: () => 0n,
    environment: ['A=1'],
  });
  const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
  const word = fc.oneof(
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.nat(pageBytes + 8),
    fc.nat(4),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(imports)),
      fc.array(word, { minLength: 9, maxLength: 9 }),
      (name, words) => {
        const found = imports[name] as ((...values: readonly number[]) => unknown) | undefined;
        try {
          assert.equal(typeof found?.(...words), 'number');
        } catch (error) {
          assert.ok(error instanceof GuestFailure, String(error));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});
