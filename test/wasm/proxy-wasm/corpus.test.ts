/** Modules built from the public examples of an SDK answer as their cases say. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkMessage, proxyWasmCorpus } from '../../support/proxy-wasm-cases.ts';
import { proxyWasmGuest } from '../../support/proxy-wasm-guests.ts';
import { exchange, loadProxyWasm } from '../../support/proxy-wasm-run.ts';

for (const { guest, config, grants, cases } of proxyWasmCorpus()) {
  describe(`the module ${guest}`, async () => {
    const { filter, failures } = loadProxyWasm(await proxyWasmGuest(guest), { config, grants });
    for (const { name, request, response, upstream, client, answer } of cases) {
      it(name, async () => {
        const outcome = await exchange(filter, request, response);
        assert.deepEqual(failures, []);
        if (answer !== undefined) {
          const { stop } = outcome;
          assert.ok(stop?.kind === 'answer', JSON.stringify(outcome));
          assert.equal(stop.status, answer.status);
          checkMessage({ headers: stop.fields, body: stop.body.toString() }, answer);
          return;
        }
        assert.ok(outcome.upstream !== null && outcome.client !== null, JSON.stringify(outcome));
        checkMessage(outcome.upstream, upstream ?? {});
        checkMessage(outcome.client, client ?? {});
      });
    }
  });
}
