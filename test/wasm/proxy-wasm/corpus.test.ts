/** Modules built from the public examples of an SDK, told again, answer as their cases say. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostCallGrants } from '#wasm/proxy-wasm/host-call-grants.ts';
import { checkCase, loadCorpus, proxyWasmCorpus } from '../../support/proxy-wasm-cases.ts';
import { proxyWasmGuest, proxyWasmGuests } from '../../support/proxy-wasm-guests.ts';

for (const corpus of proxyWasmCorpus()) {
  describe(`the module ${corpus.guest}`, async () => {
    const loaded = loadCorpus(await proxyWasmGuest(corpus.guest), corpus);
    for (const one of corpus.cases) it(one.name, () => checkCase(loaded, one));
  });
}

it('each call that a filter may import is made by one of these modules', async () => {
  const imported = new Set<string>();
  for (const name of await proxyWasmGuests()) {
    const compiled = new WebAssembly.Module(await proxyWasmGuest(name));
    for (const one of WebAssembly.Module.imports(compiled)) imported.add(one.name);
  }
  const left = Object.keys(hostCallGrants).filter((call) => !imported.has(call));
  assert.deepEqual(left, []);
});
