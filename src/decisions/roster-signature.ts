/**
 * A trust file that its owner has signed: members may take a newer one from each other, as nobody on the way can
 * change it.
 *
 * The owner's key stays in the folder of the fleet (`owner.key`), on no member. What is signed is not the text of the
 * file but what it says, in one order, so that white space is nobody's business.
 */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

const domain = 'weir roster 1\n';

/** As `trustFile` of `trust.ts` has it. */
export type RosterText = {
  readonly fleet: string;
  readonly version: number;
  /** The 32 bytes of the public key in base64. */
  readonly owner: string;
  readonly members: readonly {
    readonly id: string;
    readonly role: string;
    readonly key: string;
    readonly may: readonly string[];
    readonly budget?: number | undefined;
    readonly retired?: string | undefined;
  }[];
  readonly stolen: readonly { readonly id: string; readonly key: string; readonly since: string }[];
};

export function signRoster(roster: RosterText, ownerKey: KeyObject): string {
  return sign(null, signedBytes(roster), ownerKey).toString('base64');
}

export function isSignedByOwner(roster: RosterText, signature: string): boolean {
  const x = Buffer.from(roster.owner, 'base64').toString('base64url');
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return verify(null, signedBytes(roster), key, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}

function signedBytes({ fleet, version, owner, members, stolen }: RosterText): Buffer {
  const said = members.map(({ id, role, key, may, budget, retired }) => [
    ...[id, role, key, may, budget ?? null, retired ?? null],
  ]);
  const gone = stolen.map(({ id, key, since }) => [id, key, since]);
  return Buffer.from(`${domain}${JSON.stringify([fleet, version, owner, said, gone])}`);
}
