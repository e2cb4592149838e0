/** Servers behind TLS and behind a Unix socket: who is believed, what is shown, what is refused. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import tls from 'node:tls';
import { TestAuthority } from '../support/certificates.ts';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer } from '../support/raw-origin.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-upstream-tls-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};

const authority = await TestAuthority.make();
const byAddress = await authority.sign('127.0.0.1');
const byName = await authority.sign('app.internal');
const ca = file('ca.crt', authority.certificate);
const clientCert = file('client.crt', byName.cert);
const clientKey = file('client.key', byName.key);
const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

type Seen = { sockets: tls.TLSSocket[]; names: (string | undefined)[]; url: string };

async function withServer(
  options: tls.TlsOptions,
  use: (seen: Seen) => Promise<void>,
): Promise<void> {
  const sockets: tls.TLSSocket[] = [];
  const names: (string | undefined)[] = [];
  const server = tls.createServer(options, (socket) => {
    sockets.push(socket);
    const { subject } = socket.getPeerCertificate();
    names.push(subject === undefined ? undefined : String(subject.CN));
    socket.on('error', () => {});
    socket.on('data', () => socket.write(plainAnswer));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use({
      sockets,
      names,
      url: `https://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

async function ask(options: EdgeOptions): Promise<{ status: number; reason: unknown }> {
  await using edge = await TestEdge.start(options);
  using client = await RawClient.connect(edge.address);
  client.send(get);
  const status = statusOf(await client.response());
  const [line] = await edge.accessLines(1);
  return { status, reason: line?.['reason'] };
}

describe('a server behind TLS', () => {
  const rows = [
    { why: 'its authority is trusted', site: byAddress, tls: { ca }, status: 200 },
    {
      why: 'its name is the one asked for',
      site: byName,
      tls: { ca, serverName: 'app.internal' },
      status: 200,
    },
    { why: 'its authority is not known', site: byAddress, tls: undefined, status: 502 },
    { why: 'its name is another', site: byName, tls: { ca }, status: 502 },
    {
      why: 'it has the address, but another name was asked for',
      site: byAddress,
      tls: { ca, serverName: 'app.internal' },
      status: 502,
    },
    { why: 'nothing is verified', site: byName, tls: { verify: false }, status: 200 },
  ] as const;
  for (const { why, site, tls: settings, status } of rows) {
    it(`answers ${status} where ${why}`, () =>
      withServer(site, async ({ url }) => {
        const upstream = settings === undefined ? {} : { tls: settings };
        const answer = await ask(simpleEdge(url, {}, upstream));
        assert.equal(answer.status, status, String(answer.reason));
      }));
  }

  it('is asked for its name, and for HTTP/1.1 alone', () => {
    let offered: readonly string[] = [];
    let asked = '';
    return withServer(
      {
        ...byName,
        ALPNCallback: ({ servername, protocols }) => {
          asked = servername;
          offered = protocols;
          return 'http/1.1';
        },
      },
      async ({ url }) => {
        const upstream = { tls: { ca, serverName: 'app.internal' } };
        assert.equal((await ask(simpleEdge(url, {}, upstream))).status, 200);
        assert.equal(asked, 'app.internal');
        assert.deepEqual(offered, ['http/1.1']);
      },
    );
  });

  it('that wants a certificate gets the one configured', () =>
    withServer(
      { ...byAddress, ca: authority.certificate, requestCert: true, rejectUnauthorized: true },
      async ({ url, names }) => {
        assert.equal((await ask(simpleEdge(url, {}, { tls: { ca } }))).status, 502);
        const mutual = { tls: { ca, cert: clientCert, key: clientKey } };
        assert.equal((await ask(simpleEdge(url, {}, mutual))).status, 200);
        assert.deepEqual(names, ['app.internal']);
      },
    ));

  it('that speaks an older version than the least one is not spoken to', () =>
    withServer({ ...byAddress, maxVersion: 'TLSv1.2' }, async ({ url }) => {
      const strict = { tls: { ca, minVersion: '1.3' } };
      assert.equal((await ask(simpleEdge(url, {}, strict))).status, 502);
      assert.equal((await ask(simpleEdge(url, {}, { tls: { ca } }))).status, 200);
    }));

  it('resumes its session on the next connection', () =>
    withServer(byAddress, async ({ url, sockets }) => {
      await using edge = await TestEdge.start(simpleEdge(url, {}, { tls: { ca } }));
      using client = await RawClient.connect(edge.address);
      client.send(get);
      await client.response();
      // It closes; the next request needs a connection.
      sockets[0]?.end();
      await edge.until('weir_upstream_connections_open', 0);
      client.send(get);
      await client.responses(2);
      assert.equal(sockets[1]?.isSessionReused(), true);
    }));

  it('takes a WebSocket through', () =>
    withServer(byAddress, async ({ url, sockets }) => {
      await using edge = await TestEdge.start(simpleEdge(url, {}, { tls: { ca } }));
      using client = await RawClient.connect(edge.address);
      client.send(
        'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      );
      // The server answers with a plain 200, which must not become a tunnel.
      assert.equal(statusOf(await client.response()), 200);
      assert.equal(sockets.length, 1);
    }));
});

it('a server behind TLS that knows no HTTP/2 is 502 with the reason', () =>
  withServer(byAddress, async ({ url }) => {
    const answer = await ask(simpleEdge(url, {}, { protocol: 'http2', tls: { ca } }));
    assert.equal(answer.status, 502);
    assert.match(String(answer.reason), /did not agree to HTTP\/2/);
  }));

describe('a server behind a Unix socket', () => {
  it('is asked, and 502 when nobody listens there', async () => {
    const path = join(folder, 'app.sock');
    const server = http.createServer((request, response) =>
      response.end(`${request.headers.host} ${request.headers['x-forwarded-host']}`),
    );
    server.listen(path);
    await once(server, 'listening');
    await using edge = await TestEdge.start(simpleEdge(`unix:${path}`, {}, { host: 'upstream' }));
    using client = await RawClient.connect(edge.address);
    client.send(get);
    assert.equal((await client.response()).body, 'localhost a.test');
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    client.send(get);
    const [, second] = await client.responses(2);
    assert.equal(statusOf(second as NonNullable<typeof second>), 502);
  });
});

describe('the Host a server gets', () => {
  const rows = [
    ['keep', /\r\nHost: a\.test\r\n/],
    ['upstream', /\r\nHost: 127\.0\.0\.1:\d+\r\n/],
    ['app.internal:8080', /\r\nHost: app\.internal:8080\r\n/],
  ] as const;
  for (const [host, expected] of rows) {
    it(`with host: ${host}`, async () => {
      let received = '';
      const server = http.createServer();
      server.on('connection', (socket: net.Socket) =>
        socket.prependListener('data', (bytes: Buffer) => {
          received += bytes.toString('latin1');
        }),
      );
      server.on('request', (_request, response) => response.end());
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
      assert.equal((await ask(simpleEdge(url, {}, { host }))).status, 200);
      assert.match(received, expected);
      assert.equal(received.match(/\r\nHost: /gi)?.length, 1);
      assert.match(received, /\r\nX-Forwarded-Host: a\.test\r\n/);
      server.closeAllConnections();
      server.close();
    });
  }
});

describe('TCP passed through to servers behind TLS', () => {
  it('passes over one that ends in its handshake', async () => {
    const ending = net.createServer((socket) => socket.once('data', () => socket.end()));
    ending.listen(0, '127.0.0.1');
    await once(ending, 'listening');
    const first = `https://127.0.0.1:${(ending.address() as net.AddressInfo).port}`;
    await withServer(byAddress, async ({ url }) => {
      await using edge = await TestEdge.start({
        upstreams: { app: { tls: { ca }, servers: [{ url: first }, { url }] } },
        routes: [{ upstream: 'app' }],
        listeners: [{ address: '127.0.0.1:0', tcp: { upstream: 'app' } }],
      });
      using client = await RawClient.connect(edge.address);
      client.send(get);
      assert.equal(statusOf(await client.response()), 200);
    });
    ending.close();
  });
});
