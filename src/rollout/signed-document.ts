/**
 * What the control plane of a fleet says about its rules, signed: the set that nodes are to run, and the plan by
 * which orchestrators go on with a rollout that another one began.
 *
 * ```
 * "weir-KIND-1" NUL | length of the JSON (4 bytes) | JSON | Ed25519 signature (64 bytes)
 *  └─────────────────── what is signed ────────────────┘
 * ```
 *
 * Of each kind the one with the highest sequence counts: an older one, played again by whoever has the bus, does
 * nothing. Who may sign is in the trust file (`may: [rollout]`); what a member signed that is no longer in it, or
 * has another key there, is nothing any more, and its sequence binds nobody.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import Type, { type Static, type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import type { Trust } from '#decisions/trust.ts';
import { memberPattern } from '#fleet/subjects.ts';

/** Below what a NATS server takes as it comes (1 MiB). */
export const documentBytesMax = 900 * 1024;
/** How far ahead of ours the clock of who signed may be; decisions bear as much. */
export const documentSkewMaxMs = 900_000;

const signatureBytes = 64;
const member = Type.String({ pattern: memberPattern });
const whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** What every kind has beside its own. */
export const documentHead = {
  v: Type.Literal(1),
  fleet: member,
  issuer: member,
  sequence: whole,
  issuedAtMs: whole,
};
const head = Type.Object(documentHead);
export type DocumentHead = Static<typeof head>;

export type DocumentKind = 'rule-set' | 'rollout-plan';

export type DocumentRefusal =
  | 'malformed'
  | 'unknown-issuer'
  | 'unsigned'
  | 'not-allowed'
  | 'not-for-us'
  | 'future';

export type DocumentTerms = {
  readonly fleet: string;
  readonly trust: Trust;
  readonly nowMs: number;
};

export type ReadDocument<T> =
  | { readonly ok: true; readonly body: T }
  | { readonly ok: false; readonly reason: DocumentRefusal };

const domainOf = (kind: DocumentKind): Buffer => Buffer.from(`weir-${kind}-1\0`, 'latin1');

export function encodeDocument(kind: DocumentKind, body: DocumentHead, key: KeyObject): Buffer {
  const json = Buffer.from(JSON.stringify(body), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  const signed = Buffer.concat([domainOf(kind), length, json]);
  return Buffer.concat([signed, sign(null, signed, key)]);
}

/** `shape` has `documentHead` in it. */
export function readDocument<Shape extends TSchema>(
  kind: DocumentKind,
  shape: Shape,
  bytes: Uint8Array,
  terms: DocumentTerms,
): ReadDocument<Static<Shape> & DocumentHead> {
  const refused = (reason: DocumentRefusal) => ({ ok: false, reason }) as const;
  const found = split(kind, bytes);
  if (found === null) return refused('malformed');
  const { value, signed, signature } = found;
  if (!Check(head, value)) return refused('malformed');
  const issuer = terms.trust.member(value.issuer);
  if (issuer === null) return refused('unknown-issuer');
  if (!verify(null, signed, issuer.key, signature)) return refused('unsigned');
  // From here on it is what the issuer said; what it may say is another question.
  if (!issuer.may.has('rollout') || value.issuedAtMs > issuer.retiredAtMs)
    return refused('not-allowed');
  if (value.fleet !== terms.fleet) return refused('not-for-us');
  if (!Check(shape, value)) return refused('malformed');
  const latestMs = terms.nowMs + documentSkewMaxMs;
  // A sequence begins at the time, so one of the far future would shut out all that come after it.
  if (value.issuedAtMs > latestMs || value.sequence > latestMs) return refused('future');
  return { ok: true, body: value as Static<Shape> & DocumentHead };
}

function split(
  kind: DocumentKind,
  bytes: Uint8Array,
): { value: unknown; signed: Uint8Array; signature: Uint8Array } | null {
  const domain = domainOf(kind);
  const start = domain.length + 4;
  if (bytes.length > documentBytesMax || bytes.length < start + signatureBytes) return null;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!view.subarray(0, domain.length).equals(domain)) return null;
  const end = start + view.readUInt32BE(domain.length);
  if (end + signatureBytes !== bytes.length) return null;
  let value: unknown;
  try {
    value = JSON.parse(view.toString('utf8', start, end));
  } catch {
    return null;
  }
  return { value, signed: view.subarray(0, end), signature: view.subarray(end) };
}
