/** Every case of every shipped rule (`wasm-rules/rules/NAME/cases.json`), through the module as it runs. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { statusOfStop } from '#waf/verdict.ts';
import type { LiveModule } from '#wasm/live-module.ts';
import { inspectHead } from '../support/filters.ts';
import { plainModules, shippedModules } from '../support/guests.ts';
import { viewOf } from '../support/view.ts';

type Case = {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly target: string;
    readonly headers: readonly (readonly [string, string])[];
  };
  readonly verdict:
    | 'allow'
    | { readonly status: number; readonly rule: string; readonly target: string };
  readonly why?: string;
};

const facts = { clientAddress: '203.0.113.7', tls: true };
const folder = join(import.meta.dirname, '../../wasm-rules/rules');
let modules: ReadonlyMap<string, LiveModule>;

before(async () => {
  modules = await shippedModules();
});

function moduleNamed(name: string): LiveModule {
  const module = modules.get(name);
  assert(module !== undefined, `${name} is not built`);
  return module;
}

function verdictOf(module: LiveModule, request: Case['request']): Case['verdict'] {
  const verdict = inspectHead(module, viewOf(request), facts);
  return verdict.kind === 'allow'
    ? 'allow'
    : { status: statusOfStop(verdict), rule: verdict.rule, target: verdict.target };
}

for (const rule of plainModules) {
  const cases = JSON.parse(
    readFileSync(join(folder, rule, 'cases.json'), 'utf8'),
  ) as readonly Case[];
  describe(rule, () => {
    for (const { name, request, verdict, why } of cases) {
      it(`${verdict === 'allow' ? 'allows' : 'blocks'} ${name}`, () => {
        assert.deepEqual(verdictOf(moduleNamed(rule), request), verdict, why ?? name);
      });
    }

    it('gives the same answers in any order, with one instance', () => {
      const module = moduleNamed(rule);
      for (let round = 0; round < 20; round++) {
        for (let i = 0; i < cases.length; i++) {
          const { request, verdict } =
            cases[(i * 37 + round * 11) % cases.length] ?? assert.fail('no case');
          assert.deepEqual(verdictOf(module, request), verdict);
        }
      }
      assert.equal(module.failures, 0);
    });

    it('takes no memory for a block, however often', () => {
      const module = moduleNamed(rule);
      const blocked =
        cases.find(({ verdict }) => verdict !== 'allow') ?? assert.fail('no case blocks');
      const view = viewOf(blocked.request);
      // At one byte a block kept, 4 MiB of memory would be gone long before the end.
      for (let i = 0; i < 200_000; i++) inspectHead(module, view, facts);
      assert.equal(module.failures, 0);
    });
  });
}

describe('the matched part', () => {
  it('is what the rule saw after decoding, cut to its bound', () => {
    const verdict = inspectHead(
      moduleNamed('path-traversal'),
      viewOf({ target: `/a/${'%2e'.repeat(300)}/b` }),
      facts,
    );
    assert(verdict.kind === 'block');
    assert.equal(verdict.matched, `/${'.'.repeat(127)}`);
  });
});

describe('a head at its bounds', () => {
  it('is inspected to its last byte', () => {
    const padding = 'a'.repeat(8_000);
    const headers = Array.from(
      { length: 99 },
      (_, index) => [`X-Pad-${index}`, 'b'.repeat(200)] as const,
    );
    const verdict = inspectHead(
      moduleNamed('path-traversal'),
      viewOf({
        target: `/?q=${padding}`,
        headers: [...headers, ['X-Last', '%25252e%25252e%25252f']],
      }),
      facts,
    );
    assert(verdict.kind === 'block');
    assert.equal(verdict.target, 'header:x-last');
  });
});
