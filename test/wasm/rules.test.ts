/** What holds for shipped rules beside their cases, which `module-cases.test.ts` runs. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { caseModule } from '#toolchain/test-module.ts';
import { type ReadCases, readCases } from '#wasm/cases/read-cases.ts';
import { runCases } from '#wasm/cases/run-cases.ts';
import type { LiveModule } from '#wasm/live-module.ts';
import { inspectHead } from '../support/filters.ts';
import { plainModules, shippedModules, testLimits } from '../support/guests.ts';
import { shippedBytes } from '../support/rule-module.ts';
import { viewOf } from '../support/view.ts';

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

function casesOf(rule: string): Extract<ReadCases, { ok: true }>['cases'] {
  const read = readCases(readFileSync(join(folder, rule, 'cases.json'), 'utf8'));
  assert(read.ok, JSON.stringify(read));
  return read.cases;
}

for (const rule of readdirSync(folder)) {
  const cases = casesOf(rule);
  describe(rule, () => {
    it('gives the same answers in the other order', async () => {
      const bytes = await shippedBytes(rule);
      const module = caseModule({ name: rule, bytes, sourceMap: null });
      for (const { name, differences } of runCases(module, cases.toReversed(), testLimits))
        assert.deepEqual(differences, [], name);
    });
  });
}

for (const rule of plainModules) {
  it(`${rule} takes no memory for a block, however often`, () => {
    const module = moduleNamed(rule);
    const blocked = casesOf(rule).find(({ steps }) => steps[0]?.verdict?.kind === 'block');
    const { method, target, headers } = blocked?.steps[0]?.request ?? assert.fail('no case blocks');
    const view = viewOf({ method, target, headers: headers as [string, string][] });
    // At 100 bytes a block kept, 16 MiB of memory would be gone long before the end.
    for (let i = 0; i < 200_000; i++) inspectHead(module, view, facts);
    assert.equal(module.failures, 0);
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
