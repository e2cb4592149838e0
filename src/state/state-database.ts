/**
 * `state.db`: the decisions of this node, in one SQLite file. What a store over it has answered is there
 * after a power cut.
 *
 * `synchronous = FULL` syncs the journal at every commit; the exclusive lock keeps a second edge out for as
 * long as this process lives and no longer. A file that is damaged, newer than this program or another
 * program's is an error that says what to do: nothing here throws decisions away.
 */
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type DatabaseKind, databaseUnusable, openDatabase } from './database-file.ts';

export const stateFile = 'state.db';

const createBlocks = `
  CREATE TABLE block (
    target TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    origin TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX block_expiry ON block (expires_at_ms) WHERE expires_at_ms IS NOT NULL`;

const createRules = `
  CREATE TABLE rule (
    position INTEGER PRIMARY KEY,
    id INTEGER NOT NULL UNIQUE,
    source TEXT,
    destination TEXT,
    port_first INTEGER,
    port_last INTEGER,
    protocol INTEGER,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER
  ) STRICT;
  CREATE TABLE rule_set (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    next_id INTEGER NOT NULL
  ) STRICT;
  INSERT INTO rule_set VALUES (1, 0, 1)`;

/** The index is for pages, oldest first. */
const addBlockAction = `
  ALTER TABLE block ADD COLUMN action TEXT NOT NULL DEFAULT 'drop' CHECK (action IN ('drop', 'monitor'));
  CREATE INDEX block_age ON block (created_at_ms)`;

const nodeKind: DatabaseKind = {
  // "Weir"
  applicationId: 0x57656972,
  migrations: [createBlocks, createRules, addBlockAction],
  startAnew: 'move it away to start with an empty block list and without rules',
};

export class StateDatabase {
  readonly database: DatabaseSync;
  readonly #path: string;
  readonly #kind: DatabaseKind;

  private constructor(path: string, database: DatabaseSync, kind: DatabaseKind) {
    this.#path = path;
    this.database = database;
    this.#kind = kind;
  }

  /** Throws STATE_UNUSABLE; the file is then as it was. */
  static open(directory: string, file = stateFile, kind = nodeKind): StateDatabase {
    const path = join(directory, file);
    return new StateDatabase(path, openDatabase(path, kind, 'exclusive'), kind);
  }

  /** Work on it, with what fails in words. */
  attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw databaseUnusable(this.#path, this.#kind, error);
    }
  }

  close(): void {
    if (this.database.isOpen) this.database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
