/**
 * Public examples of the AssemblyScript SDK, to the letter, built by `asc` and run by the host as their
 * fixtures say. Their text is not ours, so it is not in this tree: `scripts/fetch-public-examples.ts` gets it, from
 * the network or with `--from FOLDER` from a checkout, and without it each one is skipped by name. What is tried is
 * pinned by its hash.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { examplePath } from '../../../scripts/fetch-public-examples.ts';
import { checkCase, loadCorpus, publicCorpus } from '../../support/proxy-wasm-cases.ts';
import { compileProxyWasmGuest } from '../../support/proxy-wasm-guests.ts';

const corpora = publicCorpus();

it('at least eight are known', () => {
  assert.ok(corpora.length >= 8);
});

for (const corpus of corpora) {
  const path = examplePath(corpus.guest);
  const skip = existsSync(path) ? false : 'run node scripts/fetch-public-examples.ts first';
  describe(`the public example ${corpus.guest}`, { skip }, () => {
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
