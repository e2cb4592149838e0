/** Trying a module out in a thread: good ones pass, bad ones are described, endless ones are ended. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WeirError } from '#core/errors.ts';
import { validateModule } from '#wasm/validate.ts';
import { testLimits, testSource } from '../support/guests.ts';
import { guest } from '../support/hostile-guest.ts';
import { i32, op } from '../support/wasm-builder.ts';

const limits = { ...testLimits, headBytesMax: 4_096, headersMax: 20 };
/** Fuel ends what does not end by itself; on a busy machine that may take a while. */
const deadlineMs = 20_000;

async function faultsOf(bytes: Uint8Array): Promise<readonly string[]> {
  try {
    await validateModule({ ...testSource, name: 'tried', bytes }, limits, { deadlineMs });
    return [];
  } catch (error) {
    assert(error instanceof WeirError && error.code === 'MODULE_INVALID', String(error));
    return error.details;
  }
}

describe('validation', () => {
  it('passes a module that answers', async () => {
    assert.deepEqual(await faultsOf(guest()), []);
  });

  it('passes a module that has every phase', async () => {
    const phases = ['weir_request_body', 'weir_response_head', 'weir_response_body', 'weir_log'];
    const functions = phases.map((name) => ({
      name,
      parameters: [i32],
      results: [i32],
      code: [op.const(0)],
    }));
    assert.deepEqual(
      await faultsOf(guest([op.const(0)], { functions, memory: { initial: 8 } })),
      [],
    );
  });

  const cases: readonly (readonly [string, Uint8Array, readonly RegExp[]])[] = [
    [
      'all faults of shape at once',
      guest([op.const(0)], { without: 'weir_reserve', memory: { initial: 1, exported: 'mem' } }),
      [/weir_reserve/, /under the name memory/],
    ],
    ['what is no WebAssembly', Uint8Array.of(0), [/no WebAssembly/]],
    ['a trap on a sample request', guest([op.unreachable]), [/^trap: unreachable/]],
    [
      'an endless start function',
      guest([op.const(0)], { functions: [{ code: [op.spin] }], start: 3 }),
      [/^fuel: used up its fuel of 1000000000 instructions in its start function: it may/],
    ],
    [
      'an endless weir_reserve',
      guest([op.const(0)], {
        replaced: {
          name: 'weir_reserve',
          parameters: [i32],
          results: [i32],
          code: [op.spin, op.const(4096)],
        },
      }),
      [/^fuel: used up its fuel of 1000000000 instructions in weir_reserve: it may/],
    ],
    [
      'an endless first call',
      guest([op.spin, op.const(0)]),
      [/^fuel: used up its fuel of 20000000 instructions in weir_request_head/],
    ],
    ['a stack that overflows', guest([op.local(0), op.call(2)]), [/^stack: /]],
  ];
  for (const [name, bytes, faults] of cases) {
    it(`describes ${name}`, async () => {
      const found = await faultsOf(bytes);
      assert.equal(found.length, faults.length, found.join('\n'));
      for (const [index, fault] of faults.entries()) assert.match(found[index] ?? '', fault);
    });
  }

  it('gives a module its time from when its thread has started, however long that takes', async () => {
    const source = { ...testSource, name: 'slow', bytes: guest([op.spin, op.const(0)]) };
    await assert.rejects(
      validateModule({ ...source, fuel: 2_000_000_000 }, limits, { deadlineMs: 1 }),
      (error) => {
        assert(error instanceof WeirError);
        assert.match(error.details[0] ?? '', /^did not finish within 1 ms while (?!starting)/);
        return true;
      },
    );
  });
});
