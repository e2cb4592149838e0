/** What a service manager hears of the shipped edge: that it is ready, who takes its place, that it ends. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { datagramReceiver } from '../support/datagram-receiver.ts';
import { startEdgeProcess } from '../support/edge-process.ts';
import { until } from '../support/until.ts';

it('says which process is the node, at its start and after an upgrade, and when it ends', {
  skip: process.platform !== 'linux' && 'needs Linux',
}, async () => {
  const path = `@weir-test-${process.pid}`;
  const manager = datagramReceiver(path);
  process.env['NOTIFY_SOCKET'] = path;
  await using edge = await startEdgeProcess(`edge:
  workers: 1
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]`);
  const next = async (): Promise<string> => {
    let word: string | null = null;
    await until('a word', () => (word = manager.next()) !== null);
    return String(word);
  };
  assert.equal(await next(), `MAINPID=${edge.process.pid}\nREADY=1`);
  const { status, body } = await edge.call('POST', '/api/v1/upgrade');
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(await next(), `MAINPID=${body['pid']}\nREADY=1`);
  // The process that handed over is no longer the service, and says nothing of its end.
  assert.equal(await edge.exit, 0);
  await edge.call('POST', '/api/v1/stop', { graceMs: 0 });
  assert.equal(await next(), 'STOPPING=1');
  manager.close();
});
