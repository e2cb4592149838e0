/**
 * The database of module versions (`module-store.ts`): its tables, how it is opened, and its rows as values.
 *
 * A file that is damaged, newer than this program or another program's is an error that says what to do.
 */
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { assert } from '#core/assert.ts';
import { describeError, WeirError } from '#core/errors.ts';

export type ModuleOrigin = 'config' | 'api' | 'watch' | 'rollback' | 'quarantine';
export type VersionState = 'live' | 'ready' | 'retired' | 'quarantined' | 'failed';

export type ModuleVersion = {
  readonly name: string;
  readonly version: number;
  readonly sha256: string;
  readonly bytes: number;
  /** How it became live the last time, or was to. */
  readonly origin: ModuleOrigin;
  /** Where the bytes came from: as the configuration says it, or `api`. */
  readonly source: string;
  /** When it became live the last time, or was refused. */
  readonly loadedAtMs: number;
  readonly state: VersionState;
  /** Why it was refused or put in quarantine, or how it failed last while it was live. */
  readonly error: string | null;
  readonly keyName: string | null;
  readonly sequence: number | null;
  /** Base64, to be checked again with the keys of later. */
  readonly signature: string | null;
  /** Whether its bytes are on disk. */
  readonly isKept: boolean;
};

export const historyFile = 'history.db';
const schemaVersion = 1;
/** "WeiM" in the header of the file, so that another program's database is not taken for ours. */
const applicationId = 0x5765694d;
/** In an upgrade two processes may look at the same time. */
const busyMs = 5_000;

const createSchema = `
  CREATE TABLE module (
    name TEXT PRIMARY KEY,
    current INTEGER,
    is_off INTEGER NOT NULL,
    configured_sha256 TEXT,
    newest_sequence INTEGER,
    next_version INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE version (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    origin TEXT NOT NULL,
    source TEXT NOT NULL,
    loaded_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    error TEXT,
    key_name TEXT,
    sequence INTEGER,
    signature TEXT,
    is_kept INTEGER NOT NULL,
    PRIMARY KEY (name, version)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

/** `folder` is made where it is missing. Throws STATE_UNUSABLE; the file is then as it was. */
export function openModuleDatabase(folder: string): DatabaseSync {
  const path = join(folder, historyFile);
  let database: DatabaseSync | null = null;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Made before SQLite sees it, so that it is never readable by others.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    database = new DatabaseSync(path, { timeout: busyMs });
    prepareSchema(database, path);
    return database;
  } catch (error) {
    database?.close();
    throw error instanceof WeirError ? error : databaseUnusable(path, error);
  }
}

function prepareSchema(database: DatabaseSync, path: string): void {
  const found = integer(database.prepare('PRAGMA user_version').get()?.['user_version']);
  const owner = integer(database.prepare('PRAGMA application_id').get()?.['application_id']);
  const tables = integer(
    database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'],
  );
  if (tables > 0 && owner !== applicationId) {
    throw new WeirError(
      'STATE_UNUSABLE',
      `${path} is another program's database; set "state" to a directory of Weir's own`,
    );
  }
  if (found > schemaVersion) {
    throw new WeirError(
      'STATE_UNUSABLE',
      `${path} was written by a newer Weir (schema ${found}, this one knows ${schemaVersion}); run that version, or move the folder away to start without a history of modules`,
    );
  }
  const damage = text(database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']);
  if (damage !== 'ok') throw new Error(damage);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  if (tables > 0) return;
  database.exec(`BEGIN IMMEDIATE; ${createSchema} COMMIT;`);
}

export function databaseUnusable(path: string, cause: unknown): WeirError {
  const isDamaged = /malformed|not a database|corrupt|quick_check|Tree \d|Page \d/i.test(
    describeError(cause),
  );
  return new WeirError(
    'STATE_UNUSABLE',
    isDamaged
      ? `${path} is damaged; restore it from a copy, or move it away to start without a history of modules`
      : `${path} cannot be used; check the disk and the rights to the file`,
    { cause },
  );
}

export function versionOf(row: Record<string, SQLOutputValue>): ModuleVersion {
  return {
    name: text(row['name']),
    version: integer(row['version']),
    sha256: text(row['sha256']),
    bytes: integer(row['bytes']),
    origin: text(row['origin']) as ModuleOrigin,
    source: text(row['source']),
    loadedAtMs: integer(row['loaded_at_ms']),
    state: text(row['state']) as VersionState,
    error: textOrNull(row['error']),
    keyName: textOrNull(row['key_name']),
    sequence: integerOrNull(row['sequence']),
    signature: textOrNull(row['signature']),
    isKept: integer(row['is_kept']) === 1,
  };
}

/** The tables are STRICT, so another type is a mistake in this file. */
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
