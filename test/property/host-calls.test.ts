/**
 * Host calls with any numbers at all: the only thing that can happen is an answer or the guest's failure,
 * nothing is written but where the host says so, and budgets hold.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GuestFailure } from '#wasm/guest-failure.ts';
import { hostCalls } from '#wasm/hostcalls/host-calls.ts';
import { HostCallHarness, pageBytes } from '../support/host-call-harness.ts';
import { propertySettings } from '../support/property.ts';

const small = fc.integer({ min: -2, max: 70 });
const i32 = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 1, 3, 4, 5) },
  { weight: 2, arbitrary: small },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
  fc.integer({ min: pageBytes - 80, max: pageBytes + 80 }),
  fc.integer(),
  fc.constantFrom(-2_147_483_648, 2_147_483_647, 65_536, 65_537, 1_048_576),
);
const i64 = fc.oneof(small.map(BigInt), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
const f64 = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0));
const kinds = { i32, i64, f64 } as const;

/** One call with as many parameters, of the types, as its signature says. */
const anyCall = fc.oneof(
  ...hostCalls().map(({ name, signature }) => {
    const types = signature.slice(1, signature.indexOf(')')).split(',').filter(Boolean);
    const parameters = types.map(
      (type) => kinds[type as keyof typeof kinds] as fc.Arbitrary<number | bigint>,
    );
    return fc.record({
      name: fc.constant(name),
      result: fc.constant(signature.slice(signature.indexOf('->') + 2)),
      parameters: fc.tuple(...parameters),
    });
  }),
);

/** Calls whose beginning is right, so that they get as far as an answer. */
const room = fc.oneof(i32, fc.integer({ min: 100, max: 60_000 }));
const begun = fc.oneof(
  ...(
    [
      ['property', [4, 5], 2],
      ['kv_set', [1, 0, 1, 0, 40], 1],
      ['kv_get', [1, 0, 1], 2],
      ['regex_match', [0, 0, 90], 2],
      ['digest', [1, 0, 3], 1],
      ['lookup', [0, 3, 0, 0, 4, 5], 2],
    ] as const
  ).map(([name, first, others]) =>
    fc.array(room, { minLength: others, maxLength: others }).map((rest) => ({
      name: name as string,
      result: 'i32',
      parameters: [...first, ...rest] as (number | bigint)[],
    })),
  ),
);

/** What a guest might have lying about, so that short ranges mean something. */
const content = Buffer.from(
  'geo route tags k value HS256 {"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} a.*b\n(x|y)+\n' +
    'https://a.example/x 192.0.2.1 country.iso_code \0\xff\xc3 counter_name',
  'latin1',
);

describe('any host call with any numbers', () => {
  it('answers by its type or fails as the guest, and writes where it says', (test) => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(anyCall, begun), { minLength: 1, maxLength: 25 }),
        fc.boolean(),
        fc.boolean(),
        (calls, isConfiguring, hasRequest) => {
          const host = new HostCallHarness(
            {
              databases: { geo: '/geo.mmdb' },
              fetch: ['https://a.example/'],
            },
            { database: () => ({ lookup: (address, path) => `${address} ${path}` }) },
          );
          host.isConfiguring = true;
          host.call('regex_compile', ...host.put('a.*b\n(x|y)+\no'));
          host.isConfiguring = isConfiguring;
          if (!hasRequest) host.transaction = null;
          const memory = Buffer.from(host.memory.buffer);
          for (let at = 0; at < pageBytes; at += content.length) content.copy(memory, at);
          for (const { name, parameters, result } of calls) {
            const before = Buffer.from(memory);
            host.touched.length = 0;
            try {
              const answer = host.call(name, ...parameters);
              const type = answer === undefined ? '()' : typeof answer === 'bigint' ? 'i64' : 'i32';
              assert.equal(type, result, name);
              if (typeof answer === 'number') assert.ok(Number.isInteger(answer));
            } catch (error) {
              assert.ok(error instanceof GuestFailure, `${name}: ${String(error)}`);
            }
            for (const [at, bytes] of host.touched) {
              assert.ok(at >= 0 && bytes >= 0 && at + bytes <= pageBytes, name);
              memory.copy(before, at, at, at + bytes);
            }
            assert.ok(before.equals(memory), `${name} wrote where it did not say so`);
          }
        },
      ),
      propertySettings(test, 1_500),
    );
  });
});
