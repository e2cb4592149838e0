/**
 * Whom a member believes: `trust.json`, the same on every member of a fleet.
 *
 * ```
 * { "fleet": "eu", "members": [
 *   { "id": "a", "role": "node", "key": "BASE64", "may": ["block"] },
 *   { "id": "orchestrator", "role": "orchestrator", "key": "BASE64", "may": ["block", "command", "rollout"] } ] }
 * ```
 *
 * A member that leaves in peace is retired: what it issued until then holds until it ends. One whose key was
 * stolen is taken out, or given another key: what the old key signed is gone from every member that reads the new
 * file.
 *
 * One that `weir fleet` made has a `version` and the signature of the fleet's owner besides
 * (`roster-signature.ts`). Members take a newer one from each other (`#fleet/roster-sync.ts`), and it counts from
 * then on for whoever holds this object: `replace`.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Type, { type Static } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { describeError, WeirError } from '#core/errors.ts';
import { issuerPattern } from './batch.ts';
import { budgetDefaults, budgetMax } from './budget.ts';
import { isSignedByOwner } from './roster-signature.ts';

const strict = { additionalProperties: false } as const;
export const fleetPattern = '^[a-z0-9][a-z0-9-]{0,31}$';
export const trustMembersMax = 1_000;
const trustBytesMax = 1024 * 1024;

const right = Type.Union([Type.Literal('block'), Type.Literal('command'), Type.Literal('rollout')]);
export type Right = Static<typeof right>;

export const trustMember = Type.Object(
  {
    id: Type.String({ pattern: issuerPattern.source }),
    role: Type.Union([Type.Literal('node'), Type.Literal('orchestrator')]),
    /** Ed25519, the 32 bytes of the public key in base64. */
    key: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
    may: Type.Array(right, { maxItems: 3 }),
    /** Decisions a minute. */
    budget: Type.Optional(Type.Integer({ minimum: 1, maximum: budgetMax })),
    /** RFC 3339: nothing it issued later is taken. */
    retired: Type.Optional(Type.String({ maxLength: 32 })),
  },
  strict,
);
const stolenKey = Type.Object(
  {
    id: Type.String({ pattern: issuerPattern.source }),
    key: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
    /** RFC 3339: what it issued before is issued again by an orchestrator. */
    since: Type.String({ maxLength: 32 }),
  },
  strict,
);
export const trustFile = Type.Object(
  {
    fleet: Type.String({ pattern: fleetPattern }),
    /** Each one made has a higher one. */
    version: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
    owner: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' })),
    members: Type.Array(trustMember, { minItems: 1, maxItems: trustMembersMax }),
    /** Keys that no member may have again. */
    stolen: Type.Optional(Type.Array(stolenKey, { maxItems: trustMembersMax })),
    signature: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9+/]{86}==$' })),
  },
  strict,
);
export type TrustFile = Static<typeof trustFile>;

export type Member = {
  readonly id: string;
  readonly role: 'node' | 'orchestrator';
  readonly key: KeyObject;
  /** Short and public: which key a batch was checked with. */
  readonly keyId: string;
  readonly may: ReadonlySet<Right>;
  readonly budget: number;
  /** Infinity for one that is not retired. */
  readonly retiredAtMs: number;
};

/** What a signed trust file says of itself. */
export type Roster = {
  readonly version: number;
  readonly owner: string;
  readonly stolen: readonly {
    readonly id: string;
    readonly keyId: string;
    readonly sinceMs: number;
  }[];
  /** The file, as it is handed on. */
  readonly text: string;
};

export class Trust {
  readonly fleet: string;
  #members: ReadonlyMap<string, Member>;
  #roster: Roster | null;
  readonly #listeners = new Set<() => void>();

  constructor(fleet: string, members: readonly Member[], roster: Roster | null = null) {
    this.fleet = fleet;
    this.#members = new Map(members.map((member) => [member.id, member]));
    this.#roster = roster;
  }

  /** Those that have not left. */
  get members(): readonly Member[] {
    return [...this.#members.values()].filter(
      ({ retiredAtMs }) => retiredAtMs === Number.POSITIVE_INFINITY,
    );
  }

  /** Null for one that was made by hand, which nobody can hand on. */
  get roster(): Roster | null {
    return this.#roster;
  }

  /** Also one that has left: what it issued until then may still count. */
  member(id: string): Member | null {
    return this.#members.get(id) ?? null;
  }

  /**
   * Everybody who holds this object believes the newer one from now on. Returns the members whose key is not believed
   * any more.
   */
  replace(newer: Trust): ReadonlySet<string> {
    const before = [...this.#members.values()];
    this.#members = newer.#members;
    this.#roster = newer.#roster;
    for (const listener of this.#listeners) listener();
    return new Set(
      before.filter(({ id, keyId }) => newer.member(id)?.keyId !== keyId).map(({ id }) => id),
    );
  }

  onReplaced(listener: () => void): void {
    this.#listeners.add(listener);
  }
}

/** Throws FLEET_TRUST_INVALID, with everything that is wrong. */
export function readTrust(path: string): Trust {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new WeirError(
      'FLEET_TRUST_INVALID',
      `the trust file ${path} cannot be read: ${describeError(error)}; "weir fleet init" writes one`,
      { cause: error },
    );
  }
  return parseTrust(text, path);
}

/** Throws FLEET_TRUST_INVALID, with everything that is wrong. */
export function parseTrust(text: string, from: string): Trust {
  const fail = (details: readonly string[]): never => {
    const message = `${from} is no trust file: ${details[0]}`;
    throw new WeirError('FLEET_TRUST_INVALID', message, { details });
  };
  if (text.length > trustBytesMax) return fail([`it is longer than ${trustBytesMax} bytes`]);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail([`it is not JSON (${describeError(error)}); "weir fleet init" writes one`]);
  }
  if (!Check(trustFile, value)) return fail(Errors(trustFile, value).slice(0, 20).map(inWords));
  const problems: string[] = [];
  const owners = new Map<string, string>();
  const members = value.members.map((member, index): Member => {
    const at = `members[${index}] (${member.id})`;
    if (value.members.findIndex(({ id }) => id === member.id) !== index)
      problems.push(`${at} is there twice; give each member a name of its own`);
    const owner = owners.get(member.key);
    if (owner !== undefined)
      problems.push(`${at} has the key of ${owner}; make each member a key of its own`);
    owners.set(member.key, member.id);
    const retiredAtMs =
      member.retired === undefined ? Number.POSITIVE_INFINITY : Date.parse(member.retired);
    if (Number.isNaN(retiredAtMs))
      problems.push(`${at} retired: "${member.retired}" is no time; write 2026-01-31T12:00:00Z`);
    const key = keyOf(member.key);
    if (key === null) problems.push(`${at} key: is no Ed25519 public key`);
    return {
      id: member.id,
      role: member.role,
      key: key ?? nobodysKey,
      keyId: keyIdOf(member.key),
      may: new Set(member.may),
      budget: member.budget ?? budgetDefaults[member.role],
      retiredAtMs,
    };
  });
  const roster = rosterOf(value, text, problems);
  return problems.length > 0 ? fail(problems) : new Trust(value.fleet, members, roster);
}

/** Null for a file nobody signed. */
function rosterOf(file: TrustFile, text: string, problems: string[]): Roster | null {
  const { version, owner, stolen = [], signature } = file;
  for (const { id, key } of stolen)
    for (const member of file.members)
      if (member.key === key)
        problems.push(
          `${member.id} has a key that was stolen from ${id}; "weir fleet add" makes another`,
        );
  if (version === undefined && owner === undefined && signature === undefined) return null;
  const isWhole = version !== undefined && owner !== undefined && signature !== undefined;
  if (!isWhole || !isSignedByOwner({ ...file, version, owner, stolen }, signature)) {
    problems.push(
      'it is not as its owner signed it; change roster.json in the folder of the fleet instead, and let "weir fleet update" make it anew',
    );
    return null;
  }
  const since = stolen.map(({ id, key, since }) => ({
    ...{ id, keyId: keyIdOf(key), sinceMs: Date.parse(since) },
  }));
  if (since.some(({ sinceMs }) => Number.isNaN(sinceMs)))
    problems.push('stolen: "since" is no time; write 2026-01-31T12:00:00Z');
  return { version, owner, stolen: since, text };
}

const keyIdOf = (key: string): string =>
  createHash('sha256').update(key).digest('hex').slice(0, 16);

/** The 32 bytes of a public key, in base64, as a trust file has them. */
export function publicKeyText(key: KeyObject): string {
  const { x } = key.export({ format: 'jwk' });
  return Buffer.from(String(x), 'base64url').toString('base64');
}

function keyOf(text: string): KeyObject | null {
  const x = Buffer.from(text, 'base64').toString('base64url');
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch {
    return null;
  }
}

const nobodysKey = createPublicKey({
  key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.alloc(32).toString('base64url') },
  format: 'jwk',
});

const inWords = ({ instancePath, message }: { instancePath: string; message: string }): string =>
  `${instancePath.slice(1).replaceAll('/', '.') || 'the file'}: ${message}`;
