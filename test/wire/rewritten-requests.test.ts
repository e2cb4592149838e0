/** Filters of proxy-wasm that write another request line: who sees it, and what it does not change. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, type ReadMessage, readMessages, statusOf } from '../support/http-read.ts';
import { Http2Client } from '../support/http2-client.ts';
import { http2Edge } from '../support/http2-peer.ts';
import { proxyWasmGuest } from '../support/proxy-wasm-guests.ts';
import { loadProxyWasm } from '../support/proxy-wasm-run.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

/** What the origin of the first route gets of a request for `/a?b`. */
async function sent(
  fields: string,
  route: Record<string, unknown>,
): Promise<ReadMessage & { readonly elsewhere: number }> {
  const guest = await proxyWasmGuest('rewrite');
  const [filter, second] = [loadProxyWasm(guest), loadProxyWasm(guest)];
  await using origin = await RawOrigin.answering(plainAnswer);
  await using other = await RawOrigin.answering(plainAnswer);
  await using edge = await TestEdge.start({
    ...simpleEdge(origin.url),
    upstreams: { app: { servers: [{ url: origin.url }] }, b: { servers: [{ url: other.url }] } },
    routes: [
      { match: { path: '/b' }, upstream: 'b' },
      { match: { path: '/a' }, upstream: 'app', ...route },
    ],
    modules: { filter: filter.filter, second: second.filter },
  });
  using client = await RawClient.connect(edge.address);
  client.send(`GET /a?b HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`);
  assert.equal(statusOf(await client.response()), 200);
  assert.deepEqual([...filter.failures, ...second.failures], []);
  const [message] = readMessages(origin.received).messages;
  assert(message !== undefined);
  return { ...message, elsewhere: other.connections.length };
}

const rules = { waf: { rules: ['filter'] } };

describe('a filter that writes another request line', () => {
  it('sends it to the upstream of the route that was found', async () => {
    const { first, elsewhere } = await sent('X-Path: /b/c\r\nX-Clear: 1\r\n', rules);
    assert.equal(first, 'GET /b/c HTTP/1.1');
    assert.equal(elsewhere, 0);
  });

  it('has it seen by the filters behind', async () => {
    const message = await sent('X-Path: /c?d\r\n', { waf: { rules: ['filter', 'second'] } });
    assert.deepEqual(fieldValues(message, 'x-line'), ['GET /c?d', 'GET /c?d']);
    assert.deepEqual(fieldValues(message, 'host'), ['a.test']);
  });

  it('has the last word: the route rewrites no path that a filter has written', async () => {
    const rewritten = { ...rules, rewritePrefix: '/long' };
    assert.equal((await sent('X-Path: /a/c\r\n', rewritten)).first, 'GET /a/c HTTP/1.1');
    assert.equal((await sent('', rewritten)).first, 'GET /long?b HTTP/1.1');
  });

  it('changes nothing in monitor mode', async () => {
    const monitored = { waf: { mode: 'monitor', rules: ['filter'] } };
    assert.equal((await sent('X-Path: /c\r\n', monitored)).first, 'GET /a?b HTTP/1.1');
  });

  it('does so for a request that came by HTTP/2', async () => {
    const { filter, failures } = loadProxyWasm(await proxyWasmGuest('rewrite'));
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...(await http2Edge(origin.url)),
      routes: [{ upstream: 'app', ...rules }],
      modules: { filter },
    });
    using client = new Http2Client(edge.address);
    assert.equal((await client.request({ 'x-path': '/c?d', 'x-method': 'POST' })).status, 200);
    assert.deepEqual(failures, []);
    assert.match(origin.received, /^POST \/c\?d HTTP\/1\.1\r\n/);
  });
});
