/** Which certificate a client sees: by the name it asks for, and by the names in the certificates. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import {
  type DevelopmentCertificate,
  makeDevelopmentCertificate,
} from '../../certs/development-certificate.ts';
import { TestEdge } from '../support/edge.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { tlsConnect, tlsEdge, tlsVisit } from '../support/tls-edge.ts';

const hosts = {
  first: ['first.test', '127.0.0.1'],
  shop: ['shop.example.org', 'www.shop.example.org'],
  wild: ['*.example.org', 'example.org', 'shop.example.org'],
  deep: ['*.a.example.org'],
} as const;
type Name = keyof typeof hosts;
const made = {} as Record<Name, DevelopmentCertificate>;

before(async () => {
  for (const name of Object.keys(hosts) as Name[])
    made[name] = await makeDevelopmentCertificate(hosts[name]);
});

const list = () => [made.first, made.shop, made.wild, made.deep];
const nameOf = (sha256: string) =>
  (Object.keys(made) as Name[]).find((name) => made[name].sha256 === sha256);

describe('the certificate shown', () => {
  const rows: readonly [asked: string | undefined, shown: Name][] = [
    ['shop.example.org', 'shop'],
    ['SHOP.Example.ORG', 'shop'],
    ['www.shop.example.org', 'shop'],
    ['example.org', 'wild'],
    ['other.example.org', 'wild'],
    ['first.test', 'first'],
    // A wildcard stands for one label.
    ['x.a.example.org', 'deep'],
    ['a.example.org', 'wild'],
    ['x.y.a.example.org', 'first'],
    ['elsewhere.test', 'first'],
    ['localhost', 'first'],
    [undefined, 'first'],
  ];
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version}: exact name, then a wildcard for one label, else the first`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(tlsEdge(origin.url, list()));
      const shown: [string | undefined, Name | undefined][] = [];
      for (const [asked] of rows) {
        const { sha256 } = await tlsVisit(edge, {
          minVersion: version,
          maxVersion: version,
          ...(asked === undefined ? {} : { servername: asked }),
        });
        shown.push([asked, nameOf(sha256)]);
      }
      assert.deepEqual(shown, rows);
    });

    it(`${version}: a session of a name that is not the default is resumed`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(tlsEdge(origin.url, list()));
      const options = { servername: 'shop.example.org', minVersion: version, maxVersion: version };
      const { session } = await tlsVisit(edge, options);
      const again = await tlsVisit(edge, { ...options, ...(session && { session }) });
      assert.equal(again.resumed, true);
    });
  }

  it('a reload that adds, removes and reorders certificates is seen by the next handshake', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(tlsEdge(origin.url, [made.first]));
    const ask = async (servername: string) => nameOf((await tlsVisit(edge, { servername })).sha256);
    assert.equal(await ask('shop.example.org'), 'first');
    await edge.reload(tlsEdge(origin.url, [made.first, made.wild]));
    assert.equal(await ask('shop.example.org'), 'wild');
    await edge.reload(tlsEdge(origin.url, [made.shop, made.wild]));
    assert.equal(await ask('shop.example.org'), 'shop');
    assert.equal(await ask('first.test'), 'shop');
  });

  it('a key that is not the certificate’s fails the reload, and what was live stays', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(tlsEdge(origin.url, [made.first]));
    const mixed = { ...made.shop, privateKey: made.wild.privateKey };
    await assert.rejects(
      edge.reload(tlsEdge(origin.url, [made.shop, mixed])),
      /key values mismatch/,
    );
    assert.equal(nameOf((await tlsVisit(edge)).sha256), 'first');
  });
});

describe('an OCSP response from a file', () => {
  it('is stapled for its own certificate, to clients that ask', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const options = tlsEdge(origin.url, [made.first, made.shop]);
    const [first, second] = options.certificates ?? [];
    assert.ok(first !== undefined && second !== undefined);
    const ocsp = Buffer.from('what the authority says');
    await using edge = await TestEdge.start({
      ...options,
      certificates: [first, { ...second, ocsp }],
    });
    const ask = async (servername: string): Promise<string | null> => {
      const socket = tlsConnect(edge.address, { servername, requestOCSP: true });
      const [response] = (await once(socket, 'OCSPResponse')) as [Buffer | null];
      socket.destroy();
      return response?.toString() ?? null;
    };
    assert.equal(await ask('shop.example.org'), 'what the authority says');
    assert.equal(await ask('first.test'), null);
  });
});
