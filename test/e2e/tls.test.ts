/** TLS of the shipped edge: what its workers share, what its supervisor fetches, and what it says of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import tls from 'node:tls';
import { makeClientAuthority } from '../support/client-authority.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { statusOf } from '../support/http-read.ts';
import { OcspAuthority } from '../support/ocsp-authority.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

const config = (url: string, listener: string, edge = ''): string => `
edge:
  workers: 2
  listeners: [${listener}]
  ${edge}
upstreams: { app: { servers: [{ url: "${url}" }] } }
routes: [{ upstream: app }]
`;

const site =
  '{ address: "127.0.0.1:0", tls: { certificates: [{ cert: site.crt, key: site.key }] } }';

type Handshake = { resumed: boolean; session: Buffer | undefined; staple: Buffer | null };

async function handshake(
  edge: EdgeProcess,
  options: tls.ConnectionOptions = {},
): Promise<Handshake> {
  const port = edge.ports[0] as number;
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  let session: Buffer | undefined;
  let staple: Buffer | null = null;
  socket.on('session', (ticket) => {
    session = ticket;
  });
  socket.on('OCSPResponse', (response: Buffer | null) => {
    staple = response;
  });
  using client = new RawClient(socket);
  await once(socket, 'secureConnect');
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal(statusOf(await client.response()), 200);
  return { resumed: socket.isSessionReused(), session, staple };
}

type Degraded = { part: string; reason: string }[];
async function degraded(edge: EdgeProcess): Promise<Degraded> {
  return (await edge.call('GET', '/api/v1/status')).body['degraded'] as Degraded;
}

async function metrics(edge: EdgeProcess): Promise<string> {
  return String((await edge.call('GET', '/metrics')).body['text']);
}

describe('the edge’s TLS', () => {
  it('resumes sessions in any worker; after the keys have changed an old ticket is none, and nothing breaks', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await startEdgeProcess(
      config(origin.url, site, 'timeouts: { ticketRotationMs: 2000 }'),
    );
    const rotations = () => edge.log.filter(({ msg }) => msg === 'ticket keys changed');
    const { session } = await handshake(edge);
    assert.ok(session !== undefined);
    const before = rotations().length;
    // Ports differ from connection to connection, so the kernel spreads them over both workers.
    const again = await Promise.all(Array.from({ length: 12 }, () => handshake(edge, { session })));
    // Unless the keys changed meanwhile, which takes a machine that stood still.
    if (rotations().length === 0) assert.ok(again.every(({ resumed }) => resumed));
    // The first change to be logged may have been under way when the ticket was made.
    await edge.logged(() => rotations().length >= before + 2);
    assert.equal(rotations().at(-1)?.['workers'], 2);
    const late = await Promise.all(Array.from({ length: 6 }, () => handshake(edge, { session })));
    assert.ok(late.every(({ resumed }) => !resumed));
  });

  it('staples what the authority says, and goes on without while it says nothing', {
    skip: hasOpenssl ? false : 'needs the openssl command',
  }, async () => {
    await using authority = await OcspAuthority.start();
    await using origin = await RawOrigin.answering(plainAnswer);
    authority.failure = 'refuse';
    await using edge = await startEdgeProcess(
      config(origin.url, '{ address: "127.0.0.1:0", plaintext: true }'),
    );
    // The chain's file is made where the edge is; the same edge gets it by starting over.
    writeFileSync(join(edge.folder, 'chain.crt'), authority.chain);
    writeFileSync(join(edge.folder, 'chain.key'), authority.key);
    await using stapling = await startEdgeProcess(
      config(
        origin.url,
        `{ address: "127.0.0.1:0", tls: { ocspStapling: true, certificates: [{ cert: ${edge.folder}/chain.crt, key: ${edge.folder}/chain.key }] } }`,
      ),
    );
    await stapling.logged(({ degraded: part }) => String(part).startsWith('OCSP of a.test'));
    const [entry] = await degraded(stapling);
    assert.match(
      entry?.reason ?? '',
      /^http:\/\/127\.0\.0\.1:\d+\/ocsp answered 500; nothing is stapled$/,
    );
    assert.equal((await handshake(stapling, { requestOCSP: true })).staple, null);
    authority.failure = null;
    // A failed attempt waits a minute for the next; a start asks at once.
    await using fresh = await startEdgeProcess(
      config(
        origin.url,
        `{ address: "127.0.0.1:0", tls: { ocspStapling: true, certificates: [{ cert: ${edge.folder}/chain.crt, key: ${edge.folder}/chain.key }] } }`,
      ),
    );
    const live = await fresh.logged(({ msg }) => msg === 'ocsp responses live');
    assert.equal(live['workers'], 2);
    const seen = await Promise.all(
      Array.from({ length: 6 }, () => handshake(fresh, { requestOCSP: true })),
    );
    for (const { staple } of seen) assert.ok(staple !== null && staple.length > 100);
    assert.deepEqual(await degraded(fresh), []);
    // A reload reads the certificate anew and keeps the response.
    await fresh.call('POST', '/api/v1/reload');
    assert.notEqual((await handshake(fresh, { requestOCSP: true })).staple, null);
  });

  it('says that a certificate runs out, until there is another', async () => {
    const old = await (await makeClientAuthority()).issue('CN=old', 3);
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await startEdgeProcess(config(origin.url, site));
    assert.deepEqual(await degraded(edge), []);
    const before = /weir_tls_certificate_not_after_seconds\{listener="0",name="localhost"\} (\d+)/;
    assert.match(await metrics(edge), before);
    writeFileSync(join(edge.folder, 'site.crt'), old.cert);
    writeFileSync(join(edge.folder, 'site.key'), old.key);
    await edge.call('POST', '/api/v1/reload');
    const [entry] = await degraded(edge);
    assert.equal(entry?.part, 'certificate 02 (edge.listeners[0])');
    assert.match(entry?.reason ?? '', /^expires in 2 days, on /);
    assert.doesNotMatch(await metrics(edge), before);
    writeFileSync(join(edge.folder, 'site.crt'), edge.certificate);
    writeFileSync(join(edge.folder, 'site.key'), edge.privateKey);
    await edge.call('POST', '/api/v1/reload');
    assert.deepEqual(await degraded(edge), []);
  });

  it('passes TCP through beside it, and names the kind in its status', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await startEdgeProcess(
      config(origin.url, `${site}, { address: "127.0.0.1:0", tcp: { upstream: app } }`),
    );
    using client = await RawClient.connect(`127.0.0.1:${edge.ports[1]}`);
    client.send('hello');
    const server = await origin.connection(0);
    await server.until((bytes) => bytes === 'hello');
    server.write('bye');
    // Ended on both sides, so that no connection has to be waited for at the end.
    server.socket.end();
    assert.equal(await client.untilEnded(), 'bye');
    const listeners = (await edge.call('GET', '/api/v1/status')).body['listeners'] as {
      kind: string;
    }[];
    assert.deepEqual(
      listeners.map(({ kind }) => kind),
      ['tls', 'tcp'],
    );
  });
});
