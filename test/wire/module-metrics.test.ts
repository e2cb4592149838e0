/** What is counted of each version of a module, by the requests it sees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LiveModule } from '#wasm/live-module.ts';
import { TestEdge } from '../support/edge.ts';
import { shippedModules } from '../support/guests.ts';
import { statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

test('calls, verdicts, time, fuel and memory of a version are counted, and end with it', async () => {
  const badBot = (await shippedModules()).get('bad-bot') as LiveModule;
  await using origin = await RawOrigin.answering(plainAnswer);
  const options = {
    upstreams: { app: { servers: [{ url: origin.url }] } },
    routes: [{ upstream: 'app', waf: { rules: ['bad-bot'] } }],
  };
  await using edge = await TestEdge.start({ ...options, modules: { 'bad-bot': badBot } });
  for (const [agent, status] of [
    ['Mozilla/5.0', 200],
    ['sqlmap/1.9', 403],
  ] as const) {
    using client = await RawClient.connect(edge.address);
    client.send(`GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: ${agent}\r\n\r\n`);
    assert.equal(statusOf(await client.response()), status);
  }
  const labels = `module="bad-bot",version=""`;
  assert.equal(edge.sample(`weir_module_calls_total{${labels},phase="request-head"}`), 2);
  assert.equal(edge.sample(`weir_module_verdicts_total{${labels},verdict="block"}`), 1);
  assert.equal(edge.sample(`weir_module_duration_seconds_count{${labels}}`), 2);
  assert.equal(edge.sample(`weir_module_fuel_bucket{${labels},le="+Inf"}`), 2);
  assert.ok(edge.sample(`weir_module_fuel_sum{${labels}}`) > 20);
  assert.ok(edge.sample(`weir_module_memory_bytes{${labels}}`) >= 65_536);

  await edge.reload({ ...options, routes: [{ upstream: 'app' }], modules: {} });
  const left = [...edge.proxy.samples().keys()].filter((key) => key.includes(labels));
  assert.deepEqual(left, []);
});
