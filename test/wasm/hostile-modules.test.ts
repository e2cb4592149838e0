/**
 * Modules that mean harm: each is refused at load with words that say why, or contained at the call, and
 * the worker goes on (`test/support/hostile-modules.ts`).
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { WeirError } from '#core/errors.ts';
import { compileFilter } from '#wasm/compile-filter.ts';
import type { Filter } from '#wasm/filter.ts';
import { validateModule } from '#wasm/validate.ts';
import { inspectHead } from '../support/filters.ts';
import { testLimits, testServices, testSource } from '../support/guests.ts';
import { guest } from '../support/hostile-guest.ts';
import { hostileModules } from '../support/hostile-modules.ts';
import { propertySettings } from '../support/property.ts';
import { viewOf } from '../support/view.ts';

const limits = { ...testLimits, headBytesMax: 4_096, headersMax: 20 };
const facts = { clientAddress: '192.0.2.1', tls: false };
const view = viewOf({ target: '/x', headers: [['Host', 'a.example']] });

function load(
  bytes: Uint8Array,
  failure: 'open' | 'closed' = 'closed',
  failures: string[] = [],
): Filter {
  const source = { ...testSource, name: 'hostile', bytes, failure };
  return compileFilter(source, limits, testServices, (message) => failures.push(message));
}

/** What a module is refused for, or null where it loads. */
function refusal(bytes: Uint8Array): string | null {
  try {
    load(bytes).close();
    return null;
  } catch (error) {
    assert(error instanceof WeirError && error.code === 'MODULE_INVALID', String(error));
    assert.match(error.message, /^rule module hostile is not usable: /);
    return error.details.join('\n');
  }
}

/** As an edge loads a module: what compiles and starts is tried on sample requests, in a thread of its own. */
async function refusalAtTrial(bytes: Uint8Array): Promise<string> {
  const fault = refusal(bytes);
  if (fault !== null) return fault;
  try {
    await validateModule({ ...testSource, name: 'hostile', bytes }, limits);
    return 'it was loaded';
  } catch (error) {
    assert(error instanceof WeirError && error.code === 'MODULE_INVALID', String(error));
    return error.details.join('\n');
  }
}

const stoppedAt = (where: string): typeof hostileModules =>
  hostileModules.filter((module) => module.stoppedAt === where);

describe('a module is refused at load, and why is said, when it has', () => {
  for (const { name, bytes, says } of stoppedAt('load'))
    it(name, async () => assert.match(await refusalAtTrial(bytes()), says));

  it('lost its end, wherever it was cut', () => {
    const whole = guest();
    for (let length = 0; length < whole.length; length++)
      assert.notEqual(refusal(whole.subarray(0, length)), null, `cut at ${length}`);
    assert.equal(refusal(whole), null);
  });
});

describe('a module fails its own request alone, and why is said, when it has', () => {
  for (const { name, bytes, says } of stoppedAt('call'))
    it(name, () => {
      const failures: string[] = [];
      const closed = load(bytes(), 'closed', failures);
      // Twice, as the second one meets a new instance.
      for (let i = 0; i < 2; i++) {
        const verdict = inspectHead(closed, view, facts);
        assert(verdict.kind === 'block');
        assert.equal(verdict.status, 503);
        assert.match(failures[i] ?? 'nothing', says);
      }
      const open = load(bytes(), 'open');
      assert.deepEqual(inspectHead(open, view, facts), { kind: 'allow' });
    });
});

describe('a module does no harm when it has', () => {
  for (const { name, bytes } of stoppedAt('fine'))
    it(name, () => {
      const failures: string[] = [];
      const module = load(bytes(), 'closed', failures);
      for (let i = 0; i < 3; i++)
        assert.deepEqual(inspectHead(module, view, facts), { kind: 'allow' });
      assert.deepEqual(failures, []);
    });
});

it('a module with any bytes changed is refused, or fails its own requests, or answers', (test) => {
  const whole = guest();
  const change = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }));
  const counts = { refused: 0, loaded: 0 };
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = Uint8Array.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      if (refusal(bytes) !== null) counts.refused++;
      else {
        counts.loaded++;
        const failures: string[] = [];
        const verdict = inspectHead(load(bytes, 'closed', failures), view, facts);
        if (verdict.kind !== 'allow') assert.equal(failures.length, 1);
      }
    }),
    propertySettings(test, 500),
  );
  test.diagnostic(JSON.stringify(counts));
  assert(counts.refused > 0);
});
