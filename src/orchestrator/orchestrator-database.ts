/**
 * `orchestrator.db`: what an orchestrator keeps over its own restarts, in one SQLite file with one writer.
 * The block list is not in it: that is the fleet's, and each member has a whole one (`#decisions`).
 */
import type { DatabaseKind } from '#state/database-file.ts';
import { StateDatabase } from '#state/state-database.ts';

export const orchestratorFile = 'orchestrator.db';

const createTables = `
  CREATE TABLE token (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE node (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    state_at_ms INTEGER NOT NULL,
    registered_at_ms INTEGER NOT NULL,
    beat_at_ms INTEGER,
    told INTEGER NOT NULL,
    hello TEXT NOT NULL,
    beat TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE command (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL
  ) STRICT;
  INSERT INTO command VALUES (1, 0);
  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    phase TEXT NOT NULL,
    of INTEGER,
    caller TEXT NOT NULL,
    role TEXT NOT NULL,
    source TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    detail TEXT NOT NULL,
    status INTEGER,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE TABLE audit_start (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  INSERT INTO audit_start VALUES (1, 0, '')`;

/** What is rolled out, and how far it has come: see `rollout-store.ts`. */
const createRollouts = `
  CREATE TABLE rollout_plan (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    document BLOB NOT NULL
  ) STRICT;
  CREATE TABLE content (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    said TEXT NOT NULL,
    added_at_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, name, sha256)
  ) STRICT, WITHOUT ROWID`;

const kind: DatabaseKind = {
  // "WeiO"
  applicationId: 0x5765694f,
  migrations: [createTables, createRollouts],
  startAnew: 'move it away to start without tokens, nodes and audit log',
};

/** Throws STATE_UNUSABLE; the file is then as it was. */
export function openOrchestratorDatabase(directory: string): StateDatabase {
  return StateDatabase.open(directory, orchestratorFile, kind);
}
