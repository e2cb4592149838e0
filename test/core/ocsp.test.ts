/** OCSP: requests an authority understands, and responses worth stapling. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { pemCertificates } from '#config/check-certificates.ts';
import { ocspBytesMax, ocspRequest, ocspResponder, readOcsp } from '#core/ocsp.ts';
import { OcspAuthority } from '../support/ocsp-authority.ts';

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'needs the openssl command';

describe('an OCSP response', { skip }, () => {
  let authority: OcspAuthority;
  let leaf: X509Certificate;
  let issuer: X509Certificate;
  let good: Buffer;
  const now = () => Date.now();

  before(async () => {
    authority = await OcspAuthority.start();
    [leaf, issuer] = pemCertificates(authority.chain) as [X509Certificate, X509Certificate];
    good = await authority.respond(ocspRequest(leaf, issuer));
  });
  after(() => authority[Symbol.asyncDispose]());

  const reasonOf = (bytes: Buffer, at = now(), by: X509Certificate | null = issuer): string => {
    const result = readOcsp(bytes, leaf, by, at);
    return result.ok ? 'good' : result.reason;
  };

  it('to our request, by the issuer itself: good, for a week', () => {
    const result = readOcsp(good, leaf, issuer, now());
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(result.staple.nextUpdateMs - result.staple.thisUpdateMs, 7 * 86_400_000);
    assert.equal(ocspResponder(leaf)?.startsWith('http://127.0.0.1:'), true);
  });

  it('by a signer the issuer has appointed: good; by anyone else: not', async () => {
    authority.signer = 'delegate';
    assert.equal(reasonOf(await authority.respond(ocspRequest(leaf, issuer))), 'good');
    authority.signer = 'stranger';
    const forged = await authority.respond(ocspRequest(leaf, issuer));
    assert.equal(reasonOf(forged), 'is not signed by who may say so');
    assert.equal(reasonOf(forged, now(), null), 'good');
    authority.signer = 'ca';
  });

  it('that says revoked or unknown is not stapled', async () => {
    authority.setState('R');
    assert.equal(
      reasonOf(await authority.respond(ocspRequest(leaf, issuer))),
      'says that it is revoked',
    );
    authority.setState(null);
    assert.equal(
      reasonOf(await authority.respond(ocspRequest(leaf, issuer))),
      'says that it is not known',
    );
    authority.setState('V');
  });

  it('that has run out, is from the future or about another certificate is not stapled', () => {
    assert.match(reasonOf(good, now() + 8 * 86_400_000), /^ran out on /);
    assert.equal(reasonOf(good, now() - 3_600_000), 'is from the future');
    assert.equal(readOcsp(good, issuer, issuer, now()).ok, false);
  });

  it('that is an error, too large, cut off or changed anywhere is refused', () => {
    assert.equal(reasonOf(Buffer.from('30030a0106', 'hex')), 'says unauthorized');
    assert.equal(reasonOf(Buffer.alloc(ocspBytesMax + 1)), 'is larger than any real one');
    for (let length = 0; length < good.length; length++)
      assert.notEqual(reasonOf(good.subarray(0, length)), 'good');
    const outsideSignature: number[] = [];
    for (let at = 0; at < good.length; at++) {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] as number) ^ 1;
      if (reasonOf(changed) === 'good') outsideSignature.push(at);
    }
    // What is not signed (the responder's own certificate among it) may differ; what is said may not.
    const said = good.indexOf(Buffer.from('0a0b', 'hex'));
    assert.ok(!outsideSignature.includes(said));
    assert.ok(
      outsideSignature.every((at) => at > said),
      outsideSignature.join(' '),
    );
  });

  it('of any bytes crashes nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (bytes, at) => {
        reasonOf(Buffer.from(bytes));
        const spliced = Buffer.from(good);
        spliced.set(bytes.subarray(0, 8), at % (good.length - 8));
        reasonOf(spliced);
      }),
      { numRuns: 2_000 },
    );
  });
});
