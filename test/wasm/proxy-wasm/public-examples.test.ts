/**
 * Public examples of the AssemblyScript SDK, to the letter (`wasm-rules/testing/public-examples`), built by `asc` and
 * run by the host as their fixtures say. What is tried is pinned by the hash of what was published.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkCase, loadCorpus, publicCorpus } from '../../support/proxy-wasm-cases.ts';
import { compileProxyWasmGuest } from '../../support/proxy-wasm-guests.ts';

const sources = join(import.meta.dirname, '../../../wasm-rules/testing/public-examples');
const corpora = publicCorpus();

it('at least eight are known', () => {
  assert.ok(corpora.length >= 8);
});

for (const corpus of corpora) {
  const path = join(sources, `${corpus.guest}.ts`);
  describe(`the public example ${corpus.guest}`, () => {
    it('is what was published', () => {
      const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
      assert.equal(hash, corpus.origin.sha256);
    });
    it('answers as its fixtures say', async (t) => {
      const loaded = loadCorpus(await compileProxyWasmGuest(path), corpus);
      for (const one of corpus.cases) await t.test(one.name, () => checkCase(loaded, one));
    });
  });
}
