/**
 * The trust file of a fleet: who its members are, the public keys they sign with, and what each may do.
 * Every member has a copy; what is not in it is nobody.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { fleetNamePattern } from './fleet-schema.ts';
import { strict } from './schema-parts.ts';

const trustBytesMax = 4 * 1_048_576;

const right = Type.Union(
  (['block', 'command', 'rollout'] as const).map((may) => Type.Literal(may)),
);

export const trustFile = Type.Object(
  {
    fleet: Type.String({ pattern: fleetNamePattern }),
    members: Type.Array(
      Type.Object(
        {
          id: Type.String({ pattern: fleetNamePattern }),
          role: Type.Union([Type.Literal('node'), Type.Literal('orchestrator')]),
          /** Ed25519, 32 bytes in base64. */
          key: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
          may: Type.Array(right, { maxItems: 3 }),
          /** Decisions it may issue in a minute; without it that of its role. */
          budget: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
        },
        strict,
      ),
      { minItems: 1, maxItems: 2_000 },
    ),
  },
  strict,
);

export type TrustFile = Static<typeof trustFile>;
export type FleetRole = 'node' | 'orchestrator';
export type FleetRight = Static<typeof right>;
export type FleetMember = {
  readonly id: string;
  readonly role: FleetRole;
  readonly publicKey: KeyObject;
  readonly may: readonly FleetRight[];
  /** Null: that of its role. */
  readonly budget: number | null;
};
export type FleetTrust = {
  readonly fleet: string;
  readonly members: ReadonlyMap<string, FleetMember>;
};

export type TrustFailure = { readonly ok: false; readonly reason: string };

export function parseTrust(
  text: string,
): { readonly ok: true; readonly trust: FleetTrust } | TrustFailure {
  if (text.length > trustBytesMax) return failure(`is longer than ${trustBytesMax} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return failure('is not JSON');
  }
  if (!Check(trustFile, value)) {
    const [first] = Errors(trustFile, value);
    return failure(
      `${first?.instancePath ?? ''} ${first?.message ?? 'is not a trust file'}`.trim(),
    );
  }
  const members = new Map<string, FleetMember>();
  for (const { id, role, key, may, budget = null } of value.members) {
    if (members.has(id)) return failure(`names ${id} twice`);
    const publicKey = publicKeyOf(key);
    if (publicKey === null) return failure(`has no Ed25519 key for ${id}`);
    members.set(id, { id, role, publicKey, may, budget });
  }
  return { ok: true, trust: { fleet: value.fleet, members } };
}

/** RFC 8410: what stands before the 32 bytes of an Ed25519 public key. */
const spkiHead = Buffer.from('302a300506032b6570032100', 'hex');

function publicKeyOf(base64: string): KeyObject | null {
  const raw = Buffer.from(base64, 'base64');
  if (raw.length !== 32) return null;
  return createPublicKey({ key: Buffer.concat([spkiHead, raw]), format: 'der', type: 'spki' });
}

/** The 32 bytes of an Ed25519 key in base64, as the trust file has them. */
export const rawPublicKey = (key: KeyObject): string =>
  key.export({ format: 'der', type: 'spki' }).subarray(spkiHead.length).toString('base64');

const failure = (reason: string): TrustFailure => ({ ok: false, reason });
