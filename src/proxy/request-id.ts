/**
 * One id a request: 16 hexadecimal digits drawn at the worker's start, and again when the count behind them is at
 * its end. Unique over workers and restarts, and in order within a worker while they stay; not a secret.
 */
import { randomBytes } from 'node:crypto';
import type { RequestView } from '#waf/request-view.ts';
import { fieldKind } from './http1/field-kind.ts';

const prefixBytes = 8;
const countDigits = 8;
const countMax = 0xffff_ffff;
const digits = Buffer.from('0123456789abcdef');
const id = Buffer.from(`${drawn()}-${'0'.repeat(countDigits)}`);
let count = 0;

/** Made of bytes: one that is put together of two strings is flattened by whoever reads it. */
export function nextRequestId(): string {
  if (count === countMax) {
    id.write(drawn());
    count = 0;
  }
  let rest = ++count;
  for (let at = id.length - 1; at >= id.length - countDigits; at--) {
    id[at] = digits[rest & 15] as number;
    rest >>>= 4;
  }
  return id.toString('latin1');
}

function drawn(): string {
  return randomBytes(prefixBytes).toString('hex');
}

/** What a trusted proxy hands in; empty where that is nothing usable. */
export function handedInId(view: RequestView): string {
  for (let i = 0; i < view.headerCount; i++) {
    if (view.kinds[i] !== fieldKind.requestId) continue;
    const id = view.headerValue(i);
    return isRequestId(id) ? id : '';
  }
  return '';
}

/** Letters, digits and a few marks, so it is safe in logs and fields. */
export const isRequestId = (text: string): boolean => /^[A-Za-z0-9._:-]{1,128}$/.test(text);
