/** Clients people really use, through the shipped process over TLS, to the demo shop and a gRPC service. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { type Shop, startShop } from '#demo/shop.ts';
import { runClient } from '../support/client-run.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { GrpcCaller, type GrpcEcho, startGrpcEcho } from '../support/grpc-echo.ts';
import { needs, wants } from '../support/needs.ts';

const uploadBytes = 32 * 1_048_576;

describe('clients', () => {
  let shop: Shop;
  let service: GrpcEcho;
  let edge: EdgeProcess;
  before(async () => {
    shop = await startShop();
    service = await startGrpcEcho();
    edge = await startEdgeProcess(`edge:
  workers: 1
  listeners:
    - { address: "127.0.0.1:0", tls: { certificates: [{ cert: site.crt, key: site.key }] } }
  limits: { bodyBytesMax: ${2 * uploadBytes} }
upstreams:
  shop: { servers: [{ url: "${shop.url}" }] }
  grpc: { protocol: http2, servers: [{ url: "http://127.0.0.1:${service.port}" }] }
routes: [{ match: { path: /weir.test.Echo }, upstream: grpc }, { upstream: shop }]`);
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await shop.close();
    service.close();
  });

  const url = (path: string): string => `https://127.0.0.1:${edge.ports[0]}${path}`;
  const ask = (path: string): https.RequestOptions => ({
    host: '127.0.0.1',
    port: edge.ports[0],
    path,
    ca: edge.certificate,
    servername: 'localhost',
  });

  it('curl speaks HTTP/1.1', { skip: needs('curl') }, async () => {
    const { code, stdout } = await runClient('curl', [
      '--http1.1',
      '-sk',
      '-w',
      '\n%{http_version} %{http_code}',
      url('/healthz'),
    ]);
    assert.equal(code, 0);
    assert.equal(stdout.toString(), '{"status":"ok"}\n1.1 200');
  });

  it('curl speaks HTTP/2', { skip: needs('curl') }, async () => {
    const { code, stdout } = await runClient('curl', [
      '--http2',
      '-sk',
      '-w',
      '\n%{http_version} %{http_code}',
      url('/healthz'),
    ]);
    assert.equal(code, 0);
    assert.equal(stdout.toString(), '{"status":"ok"}\n2 200');
  });

  it('curl sends a large body in a stream, over HTTP/1.1 and HTTP/2', {
    skip: needs('curl'),
  }, async () => {
    const body = randomBytes(uploadBytes);
    const digest = { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') };
    for (const version of ['--http1.1', '--http2']) {
      const { stdout, stderr } = await runClient(
        'curl',
        [version, '-sSk', '-T', '-', '-X', 'POST', '-H', 'Expect:', url('/upload')],
        body,
      );
      assert.deepEqual(JSON.parse(stdout.toString() || `"${stderr}"`), digest, version);
    }
  });

  it('wget fetches a large body whole', { skip: wants('wget') }, async () => {
    const { code, stdout } = await runClient('wget', [
      '-qO-',
      '--no-check-certificate',
      url('/bytes/3000000'),
    ]);
    assert.equal(code, 0);
    assert.equal(stdout.length, 3_000_000);
    assert.ok(stdout.every((byte, i) => byte === i % 251));
  });

  it('Chromium shows the shop, with its style and its scripts', {
    skip: wants('chromium'),
  }, async () => {
    const profile = mkdtempSync(join(tmpdir(), 'weir-chromium-'));
    try {
      const { stdout, stderr } = await runClient('chromium', [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--ignore-certificate-errors',
        `--user-data-dir=${profile}`,
        '--virtual-time-budget=3000',
        '--dump-dom',
        url('/'),
      ]);
      assert.match(stdout.toString(), /<h1/, stderr.slice(-500));
      assert.match(stdout.toString(), /\/products\//);
    } finally {
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  });

  it('a WebSocket says back text and a megabyte, and closes with the code it was given', async () => {
    const socket = new WebSocket(`wss://127.0.0.1:${edge.ports[0]}/ws/echo`, {
      ca: edge.certificate,
    });
    await once(socket, 'open');
    const large = randomBytes(1_000_000);
    socket.send('hello');
    const [text] = (await once(socket, 'message')) as [Buffer];
    assert.equal(text.toString(), 'hello');
    socket.send(large);
    const [bytes] = (await once(socket, 'message')) as [Buffer];
    assert.ok(bytes.equals(large));
    socket.close(4_001, 'done');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    assert.equal(code, 4_001);
    assert.equal(reason.toString(), 'done');
  });

  it('server-sent events arrive as they are made', async () => {
    const request = https.get(ask('/events'));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(response.headers['content-type'], 'text/event-stream');
    let text = '';
    for await (const bytes of response as AsyncIterable<Buffer>) {
      text += bytes.toString();
      // The first comes with the head, the second a tick later: nothing held it back.
      if (text.split('event: tick').length > 2) break;
    }
    assert.match(text, /^retry: 2000\n\n/);
    request.destroy();
  });

  it('a long poll is answered when the shop answers', async () => {
    const request = https.get(ask('/slow?ms=1500'));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    const parts = await response.toArray();
    const { waitedMs } = JSON.parse(Buffer.concat(parts).toString()) as { waitedMs: number };
    assert.ok(waitedMs >= 1_490, `${waitedMs} ms`);
  });

  it('gRPC passes: one call, a failure in trailers, a conversation of two streams', async () => {
    using caller = new GrpcCaller(edge.ports[0] as number, edge.certificate);
    assert.deepEqual(await caller.say(Buffer.from('hello')), Buffer.from('hello'));
    assert.deepEqual(await caller.say(Buffer.alloc(0)), { code: 3, details: 'nothing to say' });
    const messages = ['a', 'b', 'x'.repeat(100_000)].map((text) => Buffer.from(text));
    assert.deepEqual(await caller.talk(messages), messages);
  });
});
