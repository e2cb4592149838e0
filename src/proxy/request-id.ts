/**
 * One id a request: 16 hexadecimal digits drawn at the worker's start, then a count. Unique over workers
 * and restarts, and in order within a worker; not a secret.
 */
import { randomBytes } from 'node:crypto';
import type { RequestView } from '#waf/request-view.ts';
import { fieldKind } from './http1/field-kind.ts';

const prefix = `${randomBytes(8).toString('hex')}-`;
let count = 0;

export function nextRequestId(): string {
  return prefix + (++count).toString(16).padStart(8, '0');
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
