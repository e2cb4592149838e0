/** A certificate chain as an ACME server sends it, or as it lies on disk: read, checked, and what it says. */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { describeError } from '#core/errors.ts';
import { AcmeError } from './acme-error.ts';

/** More than any authority sends. */
export const chainMax = 16;

export type ChainFacts = {
  readonly notAfterMs: number;
  /** DNS names the leaf is for, in lower case. */
  readonly names: readonly string[];
  /** Of the leaf's DER bytes, lower-case hex. */
  readonly sha256: string;
};

/** The chain in its normal form; throws when it is not for this key, these names and now. */
export function checkedChain(
  text: string,
  privateKey: string,
  names: readonly string[],
  nowMs: number,
): string {
  const { blocks, leaf } = readChain(text);
  if (!leaf.checkPrivateKey(createPrivateKey(privateKey))) throw unfit('is for another key');
  const facts = factsOf(leaf);
  const missing = names.filter((name) => !facts.names.includes(name.toLowerCase()));
  if (missing.length > 0) throw unfit(`does not name ${missing.join(', ')}`);
  if (facts.notAfterMs <= nowMs)
    throw unfit(`expired on ${new Date(facts.notAfterMs).toISOString()}`);
  return `${blocks.join('\n')}\n`;
}

export function chainFacts(text: string): ChainFacts {
  return factsOf(readChain(text).leaf);
}

function readChain(text: string): { blocks: string[]; leaf: X509Certificate } {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length > chainMax)
    throw unfit(`holds ${blocks.length} certificates`);
  try {
    // All of them are read, so that a damaged one shows here and not in a handshake.
    const [leaf] = blocks.map((block) => new X509Certificate(block));
    if (leaf !== undefined) return { blocks, leaf };
  } catch (error) {
    throw unfit(`does not parse (${describeError(error)})`);
  }
  throw unfit('is empty');
}

function factsOf(leaf: X509Certificate): ChainFacts {
  return {
    notAfterMs: leaf.validToDate.getTime(),
    names: (leaf.subjectAltName ?? '')
      .split(', ')
      .filter((name) => name.startsWith('DNS:'))
      .map((name) => name.slice('DNS:'.length).toLowerCase()),
    sha256: createHash('sha256').update(leaf.raw).digest('hex'),
  };
}

function unfit(reason: string): AcmeError {
  return new AcmeError(`the certificate chain ${reason}`, { type: 'badCertificate' });
}
