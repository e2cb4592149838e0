/** Filters written for Envoy and plugins written for Traefik in a real node: request lines they write, trailers. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { conformanceGuest } from '../support/http-wasm-guests.ts';
import { newFolder, weir } from '../support/own-module.ts';
import { proxyWasmGuest } from '../support/proxy-wasm-guests.ts';
import { RawClient } from '../support/raw-client.ts';
import { RawOrigin } from '../support/raw-origin.ts';
import { until } from '../support/until.ts';

const answered =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Secret: key\r\n\r\n';
const ended = (text: string): boolean => /\r\n0\r\n(?:.+\r\n)*\r\n$/.test(text);

describe('a node with filters of other hosts', () => {
  let origin: RawOrigin;
  let edge: EdgeProcess;
  before(async () => {
    const folder = newFolder();
    const put = (name: string, bytes: Uint8Array) => writeFileSync(join(folder, name), bytes);
    put('rewrite.wasm', await proxyWasmGuest('rewrite'));
    put('trailers.wasm', await proxyWasmGuest('trailers'));
    put('plugin.wasm', await conformanceGuest());
    origin = await RawOrigin.answering(answered);
    edge = await startEdgeProcess(`
edge:
  workers: 1
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams: { app: { servers: [{ url: "${origin.url}" }], requestTrailers: true } }
routes:
  - { match: { path: /line }, upstream: app, waf: { rules: [rewrite] } }
  - { match: { path: /filter }, upstream: app, waf: { rules: [trailers] } }
  - { match: { path: /plugin }, upstream: app, waf: { rules: [plugin] } }
waf:
  rules:
    rewrite: { module: ${folder}/rewrite.wasm, grants: [property] }
    trailers: { module: ${folder}/trailers.wasm, grants: [clock] }
    plugin: { module: ${folder}/plugin.wasm }`);
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  /** What the origin got of a request, and the whole answer. */
  async function through(path: string, fields: string, trailers: string) {
    const from = origin.received.length;
    using client = await RawClient.connect(`127.0.0.1:${edge.ports[0]}`);
    client.send(
      `POST ${path} HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE\r\n${fields}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${trailers}\r\n`,
    );
    const got = await client.until(ended);
    return { got, received: origin.received.slice(from) };
  }

  it('sends on the request line that a filter has written', async () => {
    const { received } = await through('/line', 'X-Path: /other?q\r\nX-Method: PUT\r\n', '');
    assert.match(received, /^PUT \/other\?q HTTP\/1\.1\r\n/);
  });

  it('shows a filter the trailers of both messages, and sends on what it makes of them', async () => {
    const { got, received } = await through('/filter', 'X-Change: 1\r\n', 'X-Sum: a\r\nX-B: 2\r\n');
    assert.match(received, /\r\nx-trailers: 2 x-sum=a x-b=2\r\n/);
    assert.match(received, /\r\n0\r\nx-b: 2\r\nx-own: 2\r\n\r\n$/);
    assert.match(got, /\r\n0\r\nx-sum: 1!\r\nx-count: 2\r\n\r\n$/);
  });

  it('lists what each takes of memory, and how soon a worker had it after a start', async () => {
    const measured = async () => {
      const { body } = await edge.call('GET', '/api/v1/modules');
      const modules = body['modules'] as { name: string; memoryBytes: number; readyMs: number }[];
      return modules.filter(({ memoryBytes, readyMs }) => memoryBytes >= 65_536 && readyMs > 0);
    };
    await until('three modules measured', async () => (await measured()).length === 3);
    const shown = await weir(edge, 'module', 'show', 'plugin');
    assert.match(shown.text, /^ready in +\d+\.\d ms a worker$/m);
    assert.match(shown.text, /^memory +[\d,]+ bytes$/m);
    assert.doesNotMatch(shown.text, /^loaded in/m);
  });

  it('and a plugin', async () => {
    const request = await through('/plugin', 'X-Case: trailers/change\r\n', 'X-Sum: a\r\n');
    assert.match(request.received, /\r\n0\r\nx-sum: a!\r\nx-count: 1\r\n\r\n$/);
    const response = await through('/plugin', 'X-Case: response/trailers\r\n', '');
    assert.match(response.got, /\r\n0\r\nx-sum: 1!\r\nx-seen: x-sum\r\n\r\n$/);
  });
});
