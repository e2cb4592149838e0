/**
 * OCSP (RFC 6960): what an authority says today of one certificate.
 *
 * A response is only worth stapling when it is about the certificate shown, says that it is good, is signed
 * by who may say so and is fresh: a client takes a wrong one worse than none. All of that is checked here.
 */
import { createHash, verify, X509Certificate } from 'node:crypto';
import {
  DerError,
  type DerValue,
  derTag,
  derTime,
  derValue,
  derValues,
  encodeDer,
  expectTag,
  explicitTag,
} from './der.ts';

/** No authority's has more than a few KB; a delegated signer's certificate is in it. */
export const ocspBytesMax = 65_536;

export type OcspStaple = {
  readonly bytes: Buffer;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
};

export type OcspResult =
  | { readonly ok: true; readonly staple: OcspStaple }
  | { readonly ok: false; readonly reason: string };

const sha1Id = Buffer.from('06052b0e03021a', 'hex');
const nullValue = Buffer.from('0500', 'hex');
const basicResponse = '2b0601050507300101';
const ocspSigning = '1.3.6.1.5.5.7.3.9';
/** Clocks differ; an authority's may be a little ahead. */
const clockSkewMs = 300_000;

/** Signature algorithms authorities use, by object identifier, to the digest Node wants. */
const digests: Readonly<Record<string, string | null>> = {
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2b6570': null,
};

/** Asks about `leaf`, which `issuer` has issued. */
export function ocspRequest(leaf: X509Certificate, issuer: X509Certificate): Buffer {
  const { sequence } = derTag;
  const request = encodeDer(sequence, certificateId(leaf, issuer));
  return encodeDer(sequence, encodeDer(sequence, encodeDer(sequence, request)));
}

/** RFC 6960 section 4.1.1, with SHA-1: a name for the pair, not a signature. */
function certificateId(leaf: X509Certificate, issuer: X509Certificate): Buffer {
  const own = fieldsOf(leaf);
  const theirs = fieldsOf(issuer);
  const algorithm = encodeDer(derTag.sequence, sha1Id, nullValue);
  const hash = (bytes: Buffer) =>
    encodeDer(derTag.octetString, createHash('sha1').update(bytes).digest());
  return encodeDer(derTag.sequence, algorithm, hash(own.issuer), hash(theirs.key), own.serial);
}

function fieldsOf(certificate: X509Certificate): { serial: Buffer; issuer: Buffer; key: Buffer } {
  const [signed] = derValues(derValue(certificate.raw, derTag.sequence).content);
  const fields = derValues(expectTag(signed, derTag.sequence).content);
  if (fields[0]?.tag === explicitTag(0)) fields.shift();
  const [serial, , issuer, , , keyInfo] = fields;
  const [, key] = derValues(expectTag(keyInfo, derTag.sequence).content);
  return {
    serial: expectTag(serial, derTag.integer).whole,
    issuer: expectTag(issuer, derTag.sequence).whole,
    // Without the count of unused bits, as RFC 6960 hashes it.
    key: expectTag(key, derTag.bitString).content.subarray(1),
  };
}

/** Whether these bytes can be stapled for `leaf` now. `issuer` null leaves the signature to the client. */
export function readOcsp(
  bytes: Buffer,
  leaf: X509Certificate,
  issuer: X509Certificate | null,
  nowMs: number,
): OcspResult {
  const refuse = (reason: string): OcspResult => ({ ok: false, reason });
  try {
    if (bytes.length > ocspBytesMax) return refuse('is larger than any real one');
    const [status, body] = derValues(derValue(bytes, derTag.sequence).content);
    const code = expectTag(status, derTag.enumerated).content[0] ?? -1;
    if (code !== 0) return refuse(`says ${statusNames[code] ?? `status ${code}`}`);
    const inner = derValue(expectTag(body, explicitTag(0)).content, derTag.sequence);
    const [type, response] = derValues(inner.content);
    if (expectTag(type, derTag.objectId).content.toString('hex') !== basicResponse)
      return refuse('is of a kind nobody reads');
    const basic = derValue(expectTag(response, derTag.octetString).content, derTag.sequence);
    const [data, algorithm, signature, certificates] = derValues(basic.content);
    const single = singleResponse(expectTag(data, derTag.sequence), leaf);
    if (single === null) return refuse('is about another certificate');
    const { state, thisUpdateMs, nextUpdateMs } = single;
    if (state !== explicitGood)
      return refuse(state === 0xa1 ? 'says that it is revoked' : 'says that it is not known');
    if (thisUpdateMs > nowMs + clockSkewMs) return refuse('is from the future');
    if (nextUpdateMs <= nowMs) return refuse(`ran out on ${new Date(nextUpdateMs).toISOString()}`);
    if (issuer !== null) {
      const signed = expectTag(data, derTag.sequence).whole;
      const fault = signatureFault(signed, algorithm, signature, certificates, issuer, nowMs);
      if (fault !== null) return refuse(fault);
    }
    return { ok: true, staple: { bytes, thisUpdateMs, nextUpdateMs } };
  } catch (error) {
    if (error instanceof DerError) return refuse(`does not parse: ${error.message}`);
    throw error;
  }
}

/** `good [0] IMPLICIT NULL`. */
const explicitGood = 0x80;
const statusNames = [
  'good',
  'malformedRequest',
  'internalError',
  'tryLater',
  '',
  'sigRequired',
  'unauthorized',
];

function singleResponse(
  data: DerValue,
  leaf: X509Certificate,
): { state: number; thisUpdateMs: number; nextUpdateMs: number } | null {
  const responses = derValues(data.content).find(({ tag }) => tag === derTag.sequence);
  const { serial } = fieldsOf(leaf);
  for (const single of derValues(expectTag(responses, derTag.sequence).content)) {
    const [id, state, thisUpdate, next] = derValues(expectTag(single, derTag.sequence).content);
    const [, , , about] = derValues(expectTag(id, derTag.sequence).content);
    if (about === undefined || !about.whole.equals(serial)) continue;
    if (state === undefined || thisUpdate === undefined) throw new DerError('an answer is cut off');
    const thisUpdateMs = derTime(thisUpdate);
    // Without one, newer information is always to be had: good for an hour.
    const nextUpdateMs =
      next?.tag === explicitTag(0)
        ? derTime(derValue(next.content, derTag.generalizedTime))
        : thisUpdateMs + 3_600_000;
    return { state: state.tag, thisUpdateMs, nextUpdateMs };
  }
  return null;
}

/** By the issuer itself, or by a certificate it has issued for nothing but this (RFC 6960 section 4.2.2.2). */
function signatureFault(
  signed: Buffer,
  algorithm: DerValue | undefined,
  signature: DerValue | undefined,
  certificates: DerValue | undefined,
  issuer: X509Certificate,
  nowMs: number,
): string | null {
  const [id] = derValues(expectTag(algorithm, derTag.sequence).content);
  const digest = digests[expectTag(id, derTag.objectId).content.toString('hex')];
  if (digest === undefined) return 'is signed in a way nobody here knows';
  const bits = expectTag(signature, derTag.bitString).content.subarray(1);
  const isSignedBy = (signer: X509Certificate): boolean =>
    verify(digest, signed, signer.publicKey, bits);
  if (isSignedBy(issuer)) return null;
  const carried =
    certificates === undefined
      ? []
      : derValues(derValue(certificates.content, derTag.sequence).content).slice(0, 4);
  for (const { whole } of carried) {
    const signer = parsed(whole);
    if (signer === null || !signer.checkIssued(issuer) || !signer.verify(issuer.publicKey))
      continue;
    if (!(signer.keyUsage ?? []).includes(ocspSigning)) continue;
    if (signer.validToDate.getTime() <= nowMs || signer.validFromDate.getTime() > nowMs) continue;
    if (isSignedBy(signer)) return null;
  }
  return 'is not signed by who may say so';
}

function parsed(bytes: Buffer): X509Certificate | null {
  try {
    return new X509Certificate(bytes);
  } catch {
    return null;
  }
}

/** Where an authority answers, from the certificate's authority information access. */
export function ocspResponder(leaf: X509Certificate): string | null {
  const line = /^OCSP - URI:(http:\/\/[\x21-\x7e]{1,500})$/m.exec(leaf.infoAccess ?? '');
  return line?.[1] ?? null;
}
