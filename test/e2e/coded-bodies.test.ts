/**
 * Bodies in brotli and zstd with the shipped command and the rules that ship: what stands behind the body window is looked
 * at as it comes, and what passes comes to the origin as it was sent.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { after, before, test } from 'node:test';
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { buildRules } from '../../scripts/build-rules.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { type LoopbackServer, serveOnLoopback } from '../support/loopback-server.ts';

const windowBytes = 131_072;
const bad = `q=${encodeURIComponent("1' UNION SELECT password FROM users-- -")}`;
const noise = randomBytes(windowBytes).toString('hex');
const fast = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
const brotli = (text: string): Buffer => brotliCompressSync(text, fast);

const bodies: readonly (readonly [what: string, coding: string, body: Buffer, status: number])[] = [
  ['nothing bad', 'br', brotli(`f=${noise}&q=garden`), 200],
  ['an attack in front', 'br', brotli(`${bad}&f=${noise}`), 403],
  ['an attack behind the window', 'br', brotli(`f=${noise}&${bad}`), 403],
  ['an attack in two codings', 'br, gzip', gzipSync(brotli(`f=${noise}&${bad}`)), 403],
  ['a bomb behind the window', 'br', brotli(noise + 'a'.repeat(windowBytes * 400)), 413],
  ['half of it', 'br', brotli(`f=${noise}`).subarray(0, -40), 415],
  ['something else', 'br', randomBytes(windowBytes * 2).fill(0xff, 0, 1), 415],
  ['nothing bad', 'zstd', zstdCompressSync(`f=${noise}&q=garden`), 200],
  ['an attack in the window', 'zstd', zstdCompressSync(`f=${noise.slice(0, 50_000)}&${bad}`), 403],
  ['an attack behind the window', 'zstd', zstdCompressSync(`f=${noise}&${bad}`), 403],
];

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
/** Of each request that came to its end. */
const received: string[] = [];
let origin: LoopbackServer;
let edge: EdgeProcess;

before(async () => {
  await buildRules({ log: () => {} });
  origin = await serveOnLoopback(
    createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('error', () => {});
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        received.push(`${request.headers['content-encoding']} ${hashOf(Buffer.concat(parts))}`);
        response.end('ok');
      });
    }),
  );
  edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } }
routes: [{ upstream: app, waf: { rules: [core] } }]
waf: { bodyWindowBytes: ${windowBytes}, rules: { core: { module: "builtin:core" } } }
kernel: { xdp: off }
`);
});
after(async () => {
  await edge[Symbol.asyncDispose]();
  await origin.close();
});

for (const [what, coding, body, status] of bodies)
  test(`${coding}: ${what} gets ${status}`, async () => {
    received.length = 0;
    assert.equal(await post(coding, body), status);
    assert.deepEqual(received, status === 200 ? [`${coding} ${hashOf(body)}`] : []);
  });

/** The status, which may come before all of the body is sent. */
async function post(coding: string, body: Buffer): Promise<number> {
  const request = httpRequest({
    port: edge.ports[0],
    method: 'POST',
    agent: false,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'content-encoding': coding,
      'content-length': body.length,
    },
  });
  // The connection may end under the rest of the body, which is no failure where the answer has come.
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve).on('error', reject);
  });
  request.end(body);
  const response = await answered;
  response.on('error', () => {}).resume();
  return response.statusCode ?? 0;
}
