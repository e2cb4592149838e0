/** A module that never ends costs the requests it is called for their answer, and nobody else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileModule } from '#wasm/live-module.ts';
import { TestEdge } from '../support/edge.ts';
import { buildTestGuest, testLimits, testServices, testSource } from '../support/guests.ts';
import { statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const loops = 20;

test('an endless loop ends at its budget, and another connection of the worker is served in between', async () => {
  const bytes = await buildTestGuest('failing');
  const failures: string[] = [];
  const module = compileModule(
    { ...testSource, name: 'failing', bytes },
    testLimits,
    testServices,
    (message) => failures.push(message),
  );
  await using origin = await RawOrigin.answering(plainAnswer);
  await using edge = await TestEdge.start({
    upstreams: { app: { servers: [{ url: origin.url }] } },
    routes: [{ upstream: 'app', waf: { rules: ['failing'] } }],
    modules: { failing: module },
  });
  using looping = await RawClient.connect(edge.address);
  using bystander = await RawClient.connect(edge.address);
  const ask = async (client: RawClient, path: string, nth: number): Promise<number> => {
    client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    return statusOf((await client.responses(nth)).at(-1) ?? assert.fail());
  };

  /** How many answers the other connection had when each loop was over. */
  const served: number[] = [];
  let answers = 0;
  const all = (async () => {
    for (let nth = 1; nth <= loops; nth++) {
      const before = module.fuelUsed;
      assert.equal(await ask(looping, '/fail/loop', nth), 503);
      const spent = module.fuelUsed - before;
      // Requests of the other connection are in it; they take thousandths of a budget.
      assert(spent >= testSource.fuel && spent <= 2 * testSource.fuel, `${spent}`);
      served.push(answers);
    }
  })();
  let isOver = false;
  void all.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    assert.equal(await ask(bystander, '/', answers + 1), 200);
    answers++;
  }
  await all;
  assert.equal(failures.length, loops);
  // To the origin and back are two turns of the event loop, and each may have a loop in it.
  for (const [index, count] of served.slice(3).entries())
    assert(count > (served[index] ?? 0), `${served.join(' ')}`);
});
