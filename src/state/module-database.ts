/**
 * The database of module versions (`module-store.ts`): its tables, how it is opened, and its rows as values.
 *
 * A file that is damaged, newer than this program or another program's is an error that says what to do.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { WeirError } from '#core/errors.ts';
import {
  type DatabaseKind,
  integer,
  integerOrNull,
  isDamaged,
  makePrivateFile,
  pendingMigrations,
  text,
  textOrNull,
} from './database-file.ts';

export type ModuleOrigin = 'config' | 'api' | 'watch' | 'fleet' | 'rollback' | 'quarantine';
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
  ) STRICT, WITHOUT ROWID`;

const kind: DatabaseKind = {
  // "WeiM"
  applicationId: 0x5765694d,
  migrations: [createSchema],
  startAnew: 'move the folder away to start without a history of modules',
};

/** `folder` is made where it is missing. Throws STATE_UNUSABLE; the file is then as it was. */
export function openModuleDatabase(folder: string): DatabaseSync {
  const path = join(folder, historyFile);
  let database: DatabaseSync | null = null;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    makePrivateFile(path);
    database = new DatabaseSync(path, { timeout: busyMs });
    const migrations = pendingMigrations(database, path, kind);
    // Only when there is something to change: another process may be at work in it.
    if (migrations !== null) database.exec(`BEGIN IMMEDIATE; ${migrations} COMMIT;`);
    return database;
  } catch (error) {
    database?.close();
    throw error instanceof WeirError ? error : databaseUnusable(path, error);
  }
}

export function databaseUnusable(path: string, cause: unknown): WeirError {
  return new WeirError(
    'STATE_UNUSABLE',
    isDamaged(cause)
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
