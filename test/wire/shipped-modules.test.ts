/** Shipped modules on the way: what origins say wrong or should not say, and what the client gets of it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { compileModule } from '#wasm/live-module.ts';
import { trialServices } from '#wasm/services/trial-services.ts';
import { buildRules } from '../../scripts/build-rules.ts';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { testLimits, testSource } from '../support/guests.ts';
import { fieldValues, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const built = new Map<string, Uint8Array>();
const blocks: string[] = [];

before(async () => {
  for (const { name, path } of await buildRules()) built.set(name, await readFile(path));
});

/** One route through one shipped module. */
function through(url: string, name: string, config: object): EdgeOptions {
  const bytes = built.get(name) ?? assert.fail(`${name} is not built`);
  const grants = ['block', 'databases'];
  const services = trialServices(() => {}, {
    block: (_module, address, ttlSeconds) => {
      blocks.push(`${address} ${ttlSeconds}`);
      return null;
    },
  });
  const module = compileModule(
    { ...testSource, name, bytes, grants, config: JSON.stringify(config) },
    testLimits,
    services,
    (message) => {
      throw new Error(message);
    },
  );
  return {
    ...simpleEdge(url),
    routes: [{ upstream: 'app', waf: { rules: ['tested'] } }],
    modules: { tested: module },
  };
}

const get = (path: string, fields = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`;
const canary = 'canary-7f3a9b2c41';

describe('canary-leak', () => {
  it('a response that holds a token does not leave: 502, and the next request is served', async () => {
    const body = `secret ${canary}`;
    await using origin = await RawOrigin.answering(
      `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await using edge = await TestEdge.start(
      through(origin.url, 'canary-leak', { tokens: [canary] }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(get('/', 'Accept-Encoding: gzip\r\n'));
    const response = await client.response();
    assert.equal(statusOf(response), 502);
    assert.doesNotMatch(client.received, /canary/);
    assert.doesNotMatch(origin.received, /Accept-Encoding/i);
    using again = await RawClient.connect(edge.address);
    again.send(get('/'));
    assert.equal(statusOf(await again.response()), 502);
    const lines = await edge.accessLines(2);
    const verdict = lines[0]?.['verdict'] as Record<string, unknown> | undefined;
    assert.equal(verdict?.['rule'], 'canary-leak/token');
    assert.equal(lines[0]?.['outcome'], 'blocked');
    assert.doesNotMatch(JSON.stringify(lines), /canary-7f3a/);
  });

  it('a token that comes after the response has begun cuts it off before its end', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      through(origin.url, 'canary-leak', { tokens: [canary] }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(get('/'));
    const upstream = await origin.connection(0);
    await upstream.until((text) => text.endsWith('\r\n\r\n'));
    const first = `${'x'.repeat(100)}${canary.slice(0, 8)}`;
    upstream.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${first}`);
    await client.until((text) => text.includes('canary-7'));
    upstream.socket.write(`${canary.slice(8)}${'z'.repeat(100)}`);
    const received = await client.untilEnded();
    assert.match(received, /^HTTP\/1\.1 200 /);
    assert.ok(!received.includes(canary), 'what completes the token stays here');
    assert.doesNotMatch(received, /z/);
  });
});

describe('header-hardening', () => {
  it('adds what is missing, removes banners, completes cookies in their order', async () => {
    await using origin = await RawOrigin.answering(
      'HTTP/1.1 200 OK\r\nX-Runtime: 0.1\r\nSet-Cookie: a=1; Path=/\r\nContent-Type: text/html\r\nSet-Cookie: csrftoken=2\r\nReferrer-Policy: no-referrer\r\nContent-Length: 2\r\n\r\nok',
    );
    await using edge = await TestEdge.start(
      through(origin.url, 'header-hardening', { fields: { 'x-frame-options': 'DENY' } }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(get('/'));
    const response = await client.response();
    assert.equal(response.body, 'ok');
    assert.deepEqual(fieldValues(response, 'set-cookie'), [
      'a=1; Path=/; HttpOnly; SameSite=Lax',
      'csrftoken=2; SameSite=Lax',
    ]);
    assert.deepEqual(fieldValues(response, 'x-frame-options'), ['DENY']);
    assert.deepEqual(fieldValues(response, 'referrer-policy'), ['no-referrer']);
    assert.deepEqual(fieldValues(response, 'x-content-type-options'), ['nosniff']);
    assert.deepEqual(fieldValues(response, 'x-runtime'), []);
    assert.deepEqual(fieldValues(response, 'strict-transport-security'), [], 'no TLS here');
    assert.equal(fieldValues(response, 'content-security-policy').length, 1);
  });
});

describe('honeypot', () => {
  it('a scanner is answered 404 and its address blocked; a browser is answered alone', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(through(origin.url, 'honeypot', {}));
    using client = await RawClient.connect(edge.address);
    blocks.length = 0;
    client.send(get('/.env', 'Sec-Fetch-Site: cross-site\r\n'));
    client.send(get('/'));
    assert.deepEqual((await client.responses(2)).map(statusOf), [404, 200]);
    assert.deepEqual(blocks, []);
    client.send(get('/app/.git/config'));
    assert.deepEqual((await client.responses(3)).map(statusOf), [404, 200, 404]);
    assert.deepEqual(blocks, ['127.0.0.1 3600']);
    assert.doesNotMatch(origin.received, /\.env|\.git/);
  });
});
