/**
 * A command of the control plane to one node: drain, terminate, reload. Signed, as whoever holds the bus
 * must not be able to end a node.
 *
 * ```
 * "weir-command-1" NUL | length of the JSON (2 bytes) | JSON | Ed25519 signature (64 bytes)
 *  └──────────────────── what is signed ───────────────────┘
 * ```
 *
 * It holds once (its sequence is above the last one taken from that issuer, kept by the node), for one
 * fleet and one node, and for a short time.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { memberPattern } from './subjects.ts';

/** The longest a command may hold. */
export const commandLifeMaxMs = 600_000;
/** How far the issuer's clock may be ahead. */
export const commandSkewMaxMs = 30_000;

const domain = Buffer.from('weir-command-1\0', 'latin1');
const signatureBytes = 64;
const commandBytesMax = 4_096;

const member = Type.String({ pattern: memberPattern });
const whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const command = Type.Object(
  {
    v: Type.Literal(1),
    fleet: member,
    issuer: member,
    node: member,
    sequence: whole,
    issuedAtMs: whole,
    expiresAtMs: whole,
    kind: Type.Union([Type.Literal('drain'), Type.Literal('terminate'), Type.Literal('reload')]),
    /** What in-flight requests get; null: as the node's configuration says. */
    graceMs: Type.Union([Type.Integer({ minimum: 0, maximum: 3_600_000 }), Type.Null()]),
    /** Who asked for it, for the node's log. */
    origin: Type.String({ maxLength: 200 }),
  },
  { additionalProperties: false },
);
export type Command = Static<typeof command>;

export type CommandRefusal =
  | 'malformed'
  | 'unknown-issuer'
  | 'not-allowed'
  | 'unsigned'
  | 'not-for-us'
  | 'expired'
  | 'future'
  | 'replayed';

export type CommandIssuer = { readonly publicKey: KeyObject; readonly mayCommand: boolean };

export type CommandTerms = {
  readonly fleet: string;
  readonly node: string;
  readonly nowMs: number;
  readonly issuer: (id: string) => CommandIssuer | null;
  /** The last sequence taken from an issuer; -1 before the first. */
  readonly lastSequence: (issuer: string) => number;
};

export type AcceptedCommand =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly reason: CommandRefusal };

export function encodeCommand(given: Command, key: KeyObject): Uint8Array {
  const json = Buffer.from(JSON.stringify(given), 'utf8');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(json.length);
  const signed = Buffer.concat([domain, length, json]);
  return Buffer.concat([signed, sign(null, signed, key)]);
}

export function acceptCommand(bytes: Uint8Array, terms: CommandTerms): AcceptedCommand {
  const refused = (reason: CommandRefusal): AcceptedCommand => ({ ok: false, reason });
  const found = split(bytes);
  if (found === null) return refused('malformed');
  const { given, signed, signature } = found;
  const issuer = terms.issuer(given.issuer);
  if (issuer === null) return refused('unknown-issuer');
  if (!verify(null, signed, issuer.publicKey, signature)) return refused('unsigned');
  // From here on it is what the issuer said; what it may say is another question.
  if (!issuer.mayCommand) return refused('not-allowed');
  if (given.fleet !== terms.fleet || given.node !== terms.node) return refused('not-for-us');
  if (given.issuedAtMs > terms.nowMs + commandSkewMaxMs) return refused('future');
  if (given.expiresAtMs - given.issuedAtMs > commandLifeMaxMs) return refused('malformed');
  if (given.expiresAtMs <= terms.nowMs) return refused('expired');
  if (given.sequence <= terms.lastSequence(given.issuer)) return refused('replayed');
  return { ok: true, command: given };
}

function split(
  bytes: Uint8Array,
): { given: Command; signed: Uint8Array; signature: Uint8Array } | null {
  const head = domain.length + 2;
  if (bytes.length > commandBytesMax || bytes.length < head + signatureBytes) return null;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!view.subarray(0, domain.length).equals(domain)) return null;
  const end = head + view.readUInt16BE(domain.length);
  if (end + signatureBytes !== bytes.length) return null;
  let value: unknown;
  try {
    value = JSON.parse(view.toString('utf8', head, end));
  } catch {
    return null;
  }
  if (!Check(command, value)) return null;
  return { given: value, signed: view.subarray(0, end), signature: view.subarray(end) };
}
