/**
 * The database of module versions (`module-store.ts`): its tables, how it is opened, and its rows as values.
 *
 * A file that is damaged, newer than this program or another program's is an error that says what to do.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import {
  type DatabaseKind,
  databaseUnusable,
  integer,
  integerOrNull,
  openDatabase,
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

/** In an upgrade two processes may look at the same time. */
export const moduleDatabase: DatabaseKind = {
  // "WeiM"
  applicationId: 0x5765694d,
  migrations: [createSchema],
  startAnew: 'move it away to start without a history of modules',
};

/** `folder` is made where it is missing. Throws STATE_UNUSABLE; the file is then as it was. */
export function openModuleDatabase(folder: string): DatabaseSync {
  const path = join(folder, historyFile);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw databaseUnusable(path, moduleDatabase, error);
  }
  return openDatabase(path, moduleDatabase, 'shared');
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
