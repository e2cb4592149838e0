/**
 * What the databases of the state directory have in common: whose file it is, which schema it has, what is
 * wrong with it in words that say what to do, and its columns as values.
 *
 * A file has one writer, which keeps the lock for as long as it lives, or is shared: two processes look at the history
 * of modules and write events during an upgrade.
 */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { assert } from '#core/assert.ts';
import { describeError, WeirError } from '#core/errors.ts';

export type DatabaseKind = {
  /** In the header of the file, so that another program's database is not taken for ours. */
  readonly applicationId: number;
  /** Each one makes the schema of its index into the next: the first one an empty file into schema 1. */
  readonly migrations: readonly string[];
  /** What is to be done without it: `move the file away to start with an empty block list`. */
  readonly startAnew: string;
};

/** Another process's transaction on a shared file is waited for so long. */
const busyMs = 5_000;

/** In the schema of this program, and safe on disk after each commit. Throws STATE_UNUSABLE; the file is then as it was. */
export function openDatabase(
  path: string,
  kind: DatabaseKind,
  use: 'exclusive' | 'shared',
): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    makePrivateFile(path);
    database = new DatabaseSync(path, { timeout: use === 'shared' ? busyMs : 0 });
    if (use === 'exclusive') database.exec('PRAGMA locking_mode = EXCLUSIVE');
    const migrations = pendingMigrations(database, path, kind);
    // An exclusive one takes the lock now and keeps it, also when there is nothing to change; on a shared one
    // another process may be at work.
    if (use === 'exclusive' || migrations !== null)
      database.exec(`BEGIN IMMEDIATE; ${migrations ?? ''} COMMIT;`);
    return database;
  } catch (error) {
    database?.close();
    throw databaseUnusable(path, kind, error);
  }
}

/** What went wrong with a file, and what to do. */
export function databaseUnusable(
  path: string,
  { startAnew }: DatabaseKind,
  cause: unknown,
): WeirError {
  if (cause instanceof WeirError) return cause;
  const what = /database is locked/.test(describeError(cause))
    ? 'is in use by another process; stop it, or set "state" to another directory'
    : isDamaged(cause)
      ? `is damaged; restore it from a copy, or ${startAnew}`
      : 'cannot be used; check the disk and the rights to the file';
  return new WeirError('STATE_UNUSABLE', `${path} ${what}`, { cause });
}

/** Made before SQLite sees it, so that it is never readable by others; its journal takes the same mode. */
function makePrivateFile(path: string): void {
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
}

/**
 * The statements that bring the file to the schema of this program, for one transaction; none
 * where it has it. Throws STATE_UNUSABLE for a file that is not ours, newer or damaged.
 */
function pendingMigrations(
  database: DatabaseSync,
  path: string,
  kind: DatabaseKind,
): string | null {
  const found = integer(database.prepare('PRAGMA user_version').get()?.['user_version']);
  const owner = integer(database.prepare('PRAGMA application_id').get()?.['application_id']);
  const tables = integer(
    database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'],
  );
  const known = kind.migrations.length;
  if (tables > 0 && owner !== kind.applicationId) {
    throw new WeirError(
      'STATE_UNUSABLE',
      `${path} is another program's database; set "state" to a directory of Weir's own`,
    );
  }
  if (found > known) {
    throw new WeirError(
      'STATE_UNUSABLE',
      `${path} was written by a newer Weir (schema ${found}, this one knows ${known}); run that version, or ${kind.startAnew}`,
    );
  }
  const damage = text(database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']);
  if (damage !== 'ok') throw new Error(damage);
  // Journal mode goes first: it cannot change inside a transaction.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  const from = tables === 0 ? 0 : found;
  if (from === known) return null;
  return `${kind.migrations.slice(from).join(';\n')};
    PRAGMA application_id = ${kind.applicationId};
    PRAGMA user_version = ${known};`;
}

function isDamaged(cause: unknown): boolean {
  return /malformed|not a database|corrupt|quick_check|Tree \d|Page \d/i.test(describeError(cause));
}

/** The tables are STRICT, so another type is a mistake of ours. */
export function text(value: SQLOutputValue | undefined): string {
  assert(typeof value === 'string', 'a text column');
  return value;
}

export function integer(value: SQLOutputValue | undefined): number {
  assert(typeof value === 'number', 'an integer column');
  return value;
}

export const textOrNull = (value: SQLOutputValue | undefined): string | null =>
  value === null ? null : text(value);
export const integerOrNull = (value: SQLOutputValue | undefined): number | null =>
  value === null ? null : integer(value);
