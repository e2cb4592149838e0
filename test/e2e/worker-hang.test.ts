/** A worker whose event loop stands still is found out and replaced, and the node says so everywhere. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

type Worker = { readonly pid: number | null; readonly state: string; readonly hangs: number };

describe('a worker in an endless loop', () => {
  let origin: RawOrigin;
  let edge: EdgeProcess;
  before(async () => {
    origin = await RawOrigin.answering(plainAnswer);
    const preloaded = new URL('../support/hang-on-signal.mjs', import.meta.url);
    process.env['NODE_OPTIONS'] = `--import=${preloaded}`;
    process.env['WEIR_EDGE_TIMEOUTS_WORKER_HANG_MS'] = '4000';
    edge = await startEdgeProcess(`edge:
  workers: 1
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes: [{ upstream: app }]`);
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  const status = async () => (await edge.call('GET', '/api/v1/status')).body;
  const worker = async () => ((await status())['workers'] as Worker[])[0];
  const answer = async () => {
    using client = await RawClient.connect(`127.0.0.1:${edge.ports[0]}`);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    return statusOf(await client.response());
  };

  it('is replaced, is counted, and stands in status, metrics, log and events', async () => {
    assert.equal(await answer(), 200);
    const pid = (await worker())?.pid ?? -1;
    assert.notEqual(pid, -1);
    process.kill(pid, 'SIGUSR2');
    const line = await edge.logged(({ msg }) => msg === 'worker hangs and is replaced');
    assert.equal(line['worker'], pid);
    // Who connects meanwhile waits in the queue of the socket, which the supervisor holds.
    assert.equal(await answer(), 200);
    const heir = await worker();
    assert.notEqual(heir?.pid, pid);
    assert.deepEqual([heir?.state, heir?.hangs], ['ready', 1]);
    const degraded = (await status())['degraded'] as { part: string; reason: string }[];
    const trouble = degraded.find(({ part }) => part === 'hang of worker 0');
    assert.match(
      trouble?.reason ?? '',
      new RegExp(`^process ${pid} has not come back .* replaced`),
    );
    const metrics = (await edge.call('GET', '/metrics')).body['text'] as string;
    assert.match(metrics, /^weir_worker_hangs_total 1$/m);
    const events = (await edge.call('GET', '/api/v1/events')).body;
    assert.match(JSON.stringify(events), /worker-replaced/);
  });
});
