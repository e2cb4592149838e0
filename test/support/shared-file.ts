/**
 * Data that lies beside the checkout (`../shared`) and is never copied into it. Where it is absent the
 * tests that read it are skipped by name, or fail under REQUIRE_ALL=1.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const sharedFolder = join(import.meta.dirname, '../../../shared');

/** Why data under the folder cannot be read, or false. */
export function missingShared(path: string): string | false {
  const file = join(sharedFolder, path);
  if (existsSync(file)) return false;
  const reason = `no ${path} in ../shared`;
  if (process.env['REQUIRE_ALL'] === '1') {
    throw new Error(`${reason}, and REQUIRE_ALL=1 forbids skipping`);
  }
  return reason;
}

/** A file of lines; empty lines are left out. */
export function sharedFile(path: string): {
  readonly lines: string[];
  readonly skip: string | false;
} {
  const skip = missingShared(path);
  if (skip !== false) return { lines: [], skip };
  const text = readFileSync(join(sharedFolder, path), 'utf8');
  return { lines: text.split('\n').filter((line) => line !== ''), skip };
}
