/**
 * One id a request: 16 hexadecimal digits drawn at the worker's start, then a count. Unique over workers
 * and restarts, and in order within a worker; not a secret.
 */
import { randomBytes } from 'node:crypto';

const prefix = `${randomBytes(8).toString('hex')}-`;
let count = 0;

export function nextRequestId(): string {
  return prefix + (++count).toString(16).padStart(8, '0');
}

/** What a trusted proxy may hand in: letters, digits and a few marks, so it is safe in logs and fields. */
export const isRequestId = (text: string): boolean => /^[A-Za-z0-9._:-]{1,128}$/.test(text);
