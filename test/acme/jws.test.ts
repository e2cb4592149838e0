import assert from 'node:assert/strict';
import { createHmac, createPublicKey, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  jwkThumbprint,
  makeAccountKey,
  readAccountKey,
  signExternalBinding,
  signJws,
  writeAccountKey,
} from '#acme/jws.ts';

const decode = (text: string): unknown => JSON.parse(Buffer.from(text, 'base64url').toString());

describe('JSON web signatures', () => {
  it('have the thumbprint of RFC 7638 section 3.1', () => {
    const jwk = {
      kty: 'RSA',
      n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
      e: 'AQAB',
      alg: 'RS256',
      kid: '2011-04-29',
    };
    assert.equal(jwkThumbprint(jwk), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  it('have the thumbprint of RFC 8037 appendix A.3', () => {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
    assert.equal(jwkThumbprint(jwk), 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });

  for (const algorithm of ['ES256', 'EdDSA'] as const) {
    it(`are verified by the public key (${algorithm}), and name url and nonce`, () => {
      const key = makeAccountKey(algorithm);
      const jws = signJws({ key, accountUrl: null }, 'https://ca/order', 'n0nce', { a: 1 });
      assert.deepEqual(decode(jws.protected), {
        alg: algorithm,
        jwk: key.jwk,
        nonce: 'n0nce',
        url: 'https://ca/order',
      });
      assert.deepEqual(decode(jws.payload), { a: 1 });
      const check = (text: string) =>
        verify(
          algorithm === 'ES256' ? 'sha256' : null,
          Buffer.from(text),
          {
            key: createPublicKey({ key: { ...key.jwk }, format: 'jwk' }),
            dsaEncoding: 'ieee-p1363',
          },
          Buffer.from(jws.signature, 'base64url'),
        );
      assert.ok(check(`${jws.protected}.${jws.payload}`));
      assert.ok(!check(`${jws.protected}.${jws.payload}A`));
    });

    it(`an account key (${algorithm}) is the same after a restart`, () => {
      const key = makeAccountKey(algorithm);
      const read = readAccountKey(writeAccountKey(key));
      assert.equal(read.thumbprint, key.thumbprint);
      assert.equal(read.algorithm, algorithm);
    });
  }

  it('name the account once there is one, and have an empty payload for POST-as-GET', () => {
    const key = makeAccountKey('ES256');
    const jws = signJws({ key, accountUrl: 'https://ca/account/1' }, 'https://ca/o', 'n', null);
    assert.deepEqual(decode(jws.protected), {
      alg: 'ES256',
      kid: 'https://ca/account/1',
      nonce: 'n',
      url: 'https://ca/o',
    });
    assert.equal(jws.payload, '');
  });

  it('bind an external account with its HMAC key over our public key', () => {
    const { jwk } = makeAccountKey('ES256');
    const hmacKey = Buffer.from('secret');
    const jws = signExternalBinding({ keyId: 'kid-1', hmacKey }, 'https://ca/new', jwk);
    assert.deepEqual(decode(jws.protected), { alg: 'HS256', kid: 'kid-1', url: 'https://ca/new' });
    assert.deepEqual(decode(jws.payload), jwk);
    const expected = createHmac('sha256', hmacKey).update(`${jws.protected}.${jws.payload}`);
    assert.equal(jws.signature, expected.digest('base64url'));
  });
});
