/**
 * A grant: an orchestrator lets one caller do one thing at one node, and the node believes it by the trust file.
 * It takes the place of the node's own token, which never leaves the node's machine.
 *
 * ```
 * Authorization: Weir-Grant BASE64URL(JSON).BASE64URL(signature)
 *                                     │           └─ Ed25519 over "weir-grant-1" NUL | JSON
 *                                     └─ who, as what, which node, method, path, hash of the body, nonce, times
 * ```
 *
 * What is heard on the way is of no use: a grant is for these bytes of this request alone, holds for half a
 * minute, and is taken once. A node that has just started remembers no nonces, so it takes none that is older
 * than itself.
 */
import { createHash, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import Type from 'typebox';
import { Check } from 'typebox/value';
import type { Trust } from '#decisions/trust.ts';
import { memberPattern } from './subjects.ts';

export const grantLifeMs = 30_000;
/** How far the clocks of orchestrator and node may be apart. */
export const grantSkewMs = 30_000;
/** Taken within their life; a further one is refused. */
export const grantsMax = 10_000;
const grantCharactersMax = 8_192;
const scheme = 'Weir-Grant ';
const domain = Buffer.from('weir-grant-1\0', 'latin1');

export type GrantRole = 'read' | 'operate' | 'admin';

export type Grant = {
  readonly v: 1;
  readonly fleet: string;
  readonly issuer: string;
  readonly node: string;
  readonly role: GrantRole;
  /** As the orchestrator calls the caller. */
  readonly caller: string;
  readonly method: string;
  /** With the query, as the request line has it. */
  readonly path: string;
  readonly bodySha256: string;
  readonly nonce: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
};

const member = Type.String({ pattern: memberPattern });
const instant = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const shape = Type.Object(
  {
    v: Type.Literal(1),
    fleet: member,
    issuer: member,
    node: member,
    role: Type.Union([Type.Literal('read'), Type.Literal('operate'), Type.Literal('admin')]),
    caller: Type.String({ pattern: '^[a-z0-9][a-z0-9_.-]{0,62}$' }),
    method: Type.String({ pattern: '^[A-Z]{1,10}$' }),
    path: Type.String({ maxLength: 2_048 }),
    bodySha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    nonce: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }),
    issuedAtMs: instant,
    expiresAtMs: instant,
  },
  { additionalProperties: false },
);

export const emptySha256 = createHash('sha256').digest('hex');

export type GrantWanted = Omit<Grant, 'v' | 'nonce' | 'issuedAtMs' | 'expiresAtMs'>;

/** The value of the Authorization field. */
export function encodeGrant(wanted: GrantWanted, key: KeyObject, nowMs: number): string {
  const grant: Grant = {
    v: 1,
    ...wanted,
    nonce: randomBytes(16).toString('base64url'),
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + grantLifeMs,
  };
  const json = Buffer.from(JSON.stringify(grant));
  const signature = sign(null, Buffer.concat([domain, json]), key);
  return `${scheme}${json.toString('base64url')}.${signature.toString('base64url')}`;
}

export type GrantRefusal =
  | 'malformed'
  | 'unknown-issuer'
  | 'unsigned'
  | 'not-allowed'
  | 'not-for-us'
  | 'other-request'
  | 'expired'
  | 'future'
  | 'older-than-this-node'
  | 'replayed'
  | 'too-many';

export type GrantOutcome =
  /** The field holds no grant. */
  | { readonly kind: 'none' }
  | { readonly kind: 'refused'; readonly reason: GrantRefusal }
  | { readonly kind: 'granted'; readonly grant: Grant };

export class GrantGate {
  readonly #trust: Trust;
  readonly #node: string;
  readonly #nowMs: () => number;
  readonly #startedAtMs: number;
  /** Nonce → when it may be forgotten. In the order they came, which is nearly that of their ends. */
  readonly #taken = new Map<string, number>();

  constructor(trust: Trust, node: string, nowMs: () => number) {
    this.#trust = trust;
    this.#node = node;
    this.#nowMs = nowMs;
    this.#startedAtMs = nowMs();
  }

  take(authorization: string | undefined, method: string, path: string): GrantOutcome {
    if (authorization?.startsWith(scheme) !== true) return { kind: 'none' };
    const found = parse(authorization.slice(scheme.length));
    const reason = found === null ? 'malformed' : this.#refusal(found, method, path);
    if (found === null || reason !== null)
      return { kind: 'refused', reason: reason ?? 'malformed' };
    this.#taken.set(found.grant.nonce, found.grant.expiresAtMs + grantSkewMs);
    return { kind: 'granted', grant: found.grant };
  }

  #refusal({ grant, signed, signature }: Parsed, method: string, path: string) {
    const issuer = this.#trust.member(grant.issuer);
    if (issuer === null) return 'unknown-issuer';
    if (!verify(null, signed, issuer.key, signature)) return 'unsigned';
    const nowMs = this.#nowMs();
    // From here on it is what the issuer said; what it may say is another question.
    if (issuer.role !== 'orchestrator' || !issuer.may.has('command')) return 'not-allowed';
    if (nowMs > issuer.retiredAtMs) return 'not-allowed';
    if (grant.fleet !== this.#trust.fleet || grant.node !== this.#node) return 'not-for-us';
    if (grant.method !== method || grant.path !== path) return 'other-request';
    if (grant.expiresAtMs - grant.issuedAtMs > grantLifeMs) return 'malformed';
    if (grant.issuedAtMs > nowMs + grantSkewMs) return 'future';
    if (grant.expiresAtMs + grantSkewMs <= nowMs) return 'expired';
    if (grant.issuedAtMs < this.#startedAtMs) return 'older-than-this-node';
    this.#forget(nowMs);
    if (this.#taken.has(grant.nonce)) return 'replayed';
    return this.#taken.size >= grantsMax ? 'too-many' : null;
  }

  #forget(nowMs: number): void {
    for (const [nonce, untilMs] of this.#taken) {
      if (untilMs > nowMs) return;
      this.#taken.delete(nonce);
    }
  }
}

type Parsed = { readonly grant: Grant; readonly signed: Buffer; readonly signature: Buffer };

function parse(text: string): Parsed | null {
  if (text.length > grantCharactersMax) return null;
  const match = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})$/.exec(text);
  if (match === null) return null;
  const json = Buffer.from(match[1] ?? '', 'base64url');
  let value: unknown;
  try {
    value = JSON.parse(json.toString('utf8'));
  } catch {
    return null;
  }
  if (!Check(shape, value)) return null;
  const signature = Buffer.from(match[2] ?? '', 'base64url');
  return { grant: value, signed: Buffer.concat([domain, json]), signature };
}
