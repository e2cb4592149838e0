/** Modules built from the public examples of an SDK, told again, answer as their cases say. */
import { describe, it } from 'node:test';
import { checkCase, loadCorpus, proxyWasmCorpus } from '../../support/proxy-wasm-cases.ts';
import { proxyWasmGuest } from '../../support/proxy-wasm-guests.ts';

for (const corpus of proxyWasmCorpus()) {
  describe(`the module ${corpus.guest}`, async () => {
    const loaded = loadCorpus(await proxyWasmGuest(corpus.guest), corpus);
    for (const one of corpus.cases) it(one.name, () => checkCase(loaded, one));
  });
}
