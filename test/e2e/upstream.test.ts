/** The shipped command: a server that goes and comes back, seen in the log, the status and the metrics. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { after, it } from 'node:test';
import { startEdgeProcess } from '../support/edge-process.ts';

it('a server that fails its checks is said in the log, in the status and in the metrics', async () => {
  let isUp = true;
  const server = http.createServer((_request, response) => {
    response.statusCode = isUp ? 200 : 500;
    response.end('ok');
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  await using edge = await startEdgeProcess(`
edge:
  workers: 2
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams:
  app:
    servers: [{ url: "${url}" }]
    health: { path: /up, intervalMs: 2000, timeoutMs: 2000, healthyAfter: 1, unhealthyAfter: 1 }
routes: [{ upstream: app }]
`);
  const ask = (): Promise<Response> => fetch(`http://127.0.0.1:${edge.ports[0]}/`);
  assert.equal((await ask()).status, 200);
  isUp = false;
  const out = await edge.logged(
    ({ msg, reason }) => msg === 'upstream server changed state' && reason === 'check: status 500',
  );
  assert.equal(out['server'], url);
  assert.equal(out['state'], 'unhealthy');
  type Status = {
    upstreams: { servers: { state: string; seen: { workers: number }[] }[] }[];
    degraded: { part: string; reason: string }[];
  };
  const untilState = async (state: string): Promise<Status> => {
    for (;;) {
      const { body } = await edge.call('GET', '/api/v1/status');
      const status = body as unknown as Status;
      const [shown] = status.upstreams[0]?.servers ?? [];
      if (shown?.state === state && shown.seen.length === 1) return status;
    }
  };
  const status = await untilState('unhealthy');
  assert.equal(status.upstreams[0]?.servers[0]?.seen[0]?.workers, 2);
  assert.equal(status.degraded.length, 1);
  assert.equal(status.degraded[0]?.part, 'upstream app');
  assert.match(status.degraded[0]?.reason ?? '', /^1 of 1 server out \(.+\)$/);
  const refused = await ask();
  assert.equal(refused.status, 503);
  assert.match(refused.headers.get('retry-after') ?? '', /^[1-3]$/);
  const { body } = await edge.call('GET', '/metrics');
  assert.match(
    String(body['text']),
    new RegExp(
      `weir_upstream_server_workers\\{upstream="app",server="${url}",state="unhealthy"\\} 2`,
    ),
  );
  isUp = true;
  await edge.logged(
    ({ msg, state }) => msg === 'upstream server changed state' && state === 'healthy',
  );
  await untilState('healthy');
  assert.equal((await ask()).status, 200);
});
