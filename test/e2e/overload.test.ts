/** A node that has too much to do, or whose worker hangs, says so, and its health can still be asked for. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { fieldValues, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

describe('a node under pressure', () => {
  let origin: RawOrigin;
  let edge: EdgeProcess;
  before(async () => {
    origin = await RawOrigin.start();
    edge = await startEdgeProcess(`edge:
  workers: 1
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
  limits: { shedAtRequests: 1 }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes: [{ upstream: app }]`);
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  const status = async () => (await edge.call('GET', '/api/v1/status')).body;
  const troubles = async () =>
    ((await status())['degraded'] as { part: string; reason: string }[]).map(
      ({ part, reason }) => `${part}: ${reason}`,
    );

  it('sheds what is beyond it with 503 and Retry-After, and is healthy all the while', async () => {
    const address = `127.0.0.1:${edge.ports[0]}`;
    using first = await RawClient.connect(address);
    first.send(get);
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    using second = await RawClient.connect(address);
    second.send(get);
    const shed = await second.response();
    assert.equal(statusOf(shed), 503);
    assert.deepEqual(fieldValues(shed, 'retry-after'), ['1']);
    const health = await edge.call('GET', '/health');
    assert.deepEqual([health.status, health.body], [200, { status: 'ok' }]);
    assert.deepEqual(await troubles(), [
      'overload of worker 0: 1 requests under way, the most there may be',
    ]);
    upstream.write(plainAnswer);
    assert.equal(statusOf(await first.response()), 200);
    while ((await troubles()).length > 0);
  });

  it('waits for no worker that hangs when its health is asked for, and says in status which it is', async () => {
    const [worker] = (await status())['workers'] as { pid: number }[];
    const pid = worker?.pid ?? -1;
    process.kill(pid, 'SIGSTOP');
    try {
      const order: string[] = [];
      await Promise.all([
        troubles().then((said) => order.push('status', ...said)),
        edge.call('GET', '/health').then((answer) => order.push(`health ${answer.status}`)),
        edge.call('GET', '/ready').then((answer) => order.push(`ready ${answer.status}`)),
      ]);
      assert.deepEqual(order.slice(0, 2).sort(), ['health 200', 'ready 200']);
      assert.deepEqual(order.slice(2), [
        'status',
        `answers of worker 0: process ${pid} does not answer; its counters are those of before`,
      ]);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    while ((await troubles()).length > 0);
  });
});
