/**
 * A batch of decisions as it is signed, kept and handed on: whole and unchanged.
 *
 * ```
 * "WD" | version 1 | n | issuer (n bytes) | sequence | issued | expires | count | decisions, JSON | signature
 *  2       1         1                        8          8        8         2                         64
 *
 * signed: "weir decisions 1" LF fleet LF, and all before the signature      (Ed25519; numbers are big endian)
 * ```
 *
 * The fleet is in what is signed, so a batch means nothing in another fleet that has the same key. What is not
 * signed by whom it names is not parsed any further. The decisions are JSON in one form only: what is read is
 * written again, and has to come out as the same bytes, so a text with two readings is refused.
 */
import { isUtf8 } from 'node:buffer';
import { type KeyObject, sign, verify } from 'node:crypto';
import { isCanonicalCidr } from '#core/ip.ts';
import {
  counterMax,
  type Decision,
  type DecisionAction,
  decisionLifeMaxMs,
  isInstant,
  isPlainText,
  originCharactersMax,
  reasonCharactersMax,
} from './decision.ts';

export type Batch = {
  readonly issuer: string;
  /** Grows with every batch of an issuer: see `budget.ts`. */
  readonly sequence: number;
  readonly issuedAtMs: number;
  /** The end of all its decisions, and so of handing it on. */
  readonly expiresAtMs: number;
  readonly decisions: readonly Decision[];
};

/** What stands before the decisions. */
export type BatchHead = Omit<Batch, 'decisions'> & { readonly count: number };

export const batchDecisionsMax = 1_000;
/** Below what a NATS server takes as it comes (1 MiB). */
export const batchBytesMax = 512 * 1024;
export const issuerPattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;

const magic = 0x5744;
const batchVersion = 1;
const fixedBytes = 4;
const numbersBytes = 26;
const signatureBytes = 64;

/** Throws where an own decision does not keep to the bounds: a mistake of ours. */
export function encodeBatch(batch: Batch, fleet: string, key: KeyObject): Buffer {
  const { issuer, decisions } = batch;
  const body = Buffer.from(encodeDecisions(decisions), 'utf8');
  const head = Buffer.alloc(fixedBytes + issuer.length + numbersBytes);
  head.writeUInt16BE(magic, 0);
  head[2] = batchVersion;
  head[3] = issuer.length;
  head.write(issuer, fixedBytes, 'latin1');
  const at = fixedBytes + issuer.length;
  head.writeBigUInt64BE(BigInt(batch.sequence), at);
  head.writeBigUInt64BE(BigInt(batch.issuedAtMs), at + 8);
  head.writeBigUInt64BE(BigInt(batch.expiresAtMs), at + 16);
  head.writeUInt16BE(decisions.length, at + 24);
  const signed = Buffer.concat([domainOf(fleet), head, body]);
  const prefix = signed.length - head.length - body.length;
  return Buffer.concat([signed.subarray(prefix), sign(null, signed, key)]);
}

/** Null for what is no batch of this version. */
export function readBatchHead(bytes: Uint8Array): BatchHead | null {
  if (bytes.length > batchBytesMax || bytes.length < fixedBytes) return null;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.readUInt16BE(0) !== magic || view[2] !== batchVersion) return null;
  const issuerBytes = view[3] as number;
  const at = fixedBytes + issuerBytes;
  if (bytes.length < at + numbersBytes + signatureBytes) return null;
  const issuer = view.toString('latin1', fixedBytes, at);
  const sequence = Number(view.readBigUInt64BE(at));
  const issuedAtMs = Number(view.readBigUInt64BE(at + 8));
  const expiresAtMs = Number(view.readBigUInt64BE(at + 16));
  const count = view.readUInt16BE(at + 24);
  const isGood =
    issuerPattern.test(issuer) &&
    Number.isSafeInteger(sequence) &&
    isInstant(issuedAtMs) &&
    isInstant(expiresAtMs) &&
    count >= 1 &&
    count <= batchDecisionsMax;
  return isGood ? { issuer, sequence, issuedAtMs, expiresAtMs, count } : null;
}

export function isSignedBy(bytes: Uint8Array, fleet: string, key: KeyObject): boolean {
  const end = bytes.length - signatureBytes;
  const signed = Buffer.concat([domainOf(fleet), bytes.subarray(0, end)]);
  return verify(null, signed, key, bytes.subarray(end));
}

/** Of a batch with this head. Null where one of its decisions, or how they are written, is not as it has to be. */
export function readDecisions(bytes: Uint8Array, head: BatchHead): readonly Decision[] | null {
  const from = fixedBytes + head.issuer.length + numbersBytes;
  const body = Buffer.from(
    bytes.buffer,
    bytes.byteOffset + from,
    bytes.length - signatureBytes - from,
  );
  const decisions = isUtf8(body) ? parseDecisions(body.toString('utf8')) : null;
  if (decisions === null || decisions.length !== head.count) return null;
  let endMs = 0;
  for (const { shadowUntilMs } of decisions) if (shadowUntilMs > endMs) endMs = shadowUntilMs;
  return endMs === head.expiresAtMs ? decisions : null;
}

const actionOf: Readonly<Record<string, DecisionAction>> = {
  drop: 'drop',
  monitor: 'monitor',
  clear: 'clear',
};

export function encodeDecisions(decisions: readonly Decision[]): string {
  return JSON.stringify(
    decisions.map(({ target, action, at, expiresAtMs, shadowUntilMs, reason, origin }) => [
      ...[target, action, at.ms, at.counter],
      ...[expiresAtMs, shadowUntilMs, reason, origin],
    ]),
  );
}

/** Null for anything that `encodeDecisions` would not have written of good decisions. */
export function parseDecisions(text: string): readonly Decision[] | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(value) || value.length > batchDecisionsMax) return null;
  const decisions: Decision[] = [];
  const targets = new Set<string>();
  // An import says one reason a thousand times; a million copies of it would be kept.
  const texts = new Map<string, string>();
  const once = (one: string): string => {
    const known = texts.get(one);
    if (known === undefined) texts.set(one, one);
    return known ?? one;
  };
  for (const row of value) {
    const decision = parseDecision(row, once);
    if (decision === null || targets.has(decision.target)) return null;
    targets.add(decision.target);
    decisions.push(decision);
  }
  // Of rows that were read whole: as `encodeDecisions` would write them.
  return JSON.stringify(value) === text ? decisions : null;
}

function parseDecision(row: unknown, once: (text: string) => string): Decision | null {
  if (!Array.isArray(row) || row.length !== 8) return null;
  const [target, actionName, ms, counter, expiresAtMs, shadowUntilMs, reason, origin] =
    row as unknown[];
  if (typeof target !== 'string' || typeof actionName !== 'string') return null;
  const action = Object.hasOwn(actionOf, actionName) ? actionOf[actionName] : undefined;
  if (action === undefined || !isCanonicalCidr(target)) return null;
  if (!isInstant(ms) || !isInstant(expiresAtMs) || !isInstant(shadowUntilMs)) return null;
  if (!Number.isInteger(counter) || (counter as number) < 0 || (counter as number) > counterMax)
    return null;
  if (!isPlainText(reason, reasonCharactersMax) || !isPlainText(origin, originCharactersMax))
    return null;
  const endMs = ms + decisionLifeMaxMs;
  const isInOrder = expiresAtMs <= shadowUntilMs && shadowUntilMs <= endMs;
  if (!isInOrder || (action === 'clear' && expiresAtMs !== endMs)) return null;
  const at = { ms, counter: counter as number };
  return {
    target,
    action,
    at,
    expiresAtMs,
    shadowUntilMs,
    reason: once(reason),
    origin: once(origin),
  };
}

const domainOf = (fleet: string): Buffer => Buffer.from(`weir decisions 1\n${fleet}\n`, 'utf8');
