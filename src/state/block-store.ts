/**
 * The block list of this node on disk: what `put` and `remove` have answered is there after a power cut.
 *
 * One SQLite file, `state.db`, in the state directory. `synchronous = FULL` syncs the journal at every
 * commit; the exclusive lock keeps a second edge out for as long as this process lives and no longer.
 * A file that is damaged, newer than this program or another program's is an error that says what to do:
 * blocks are decisions, and nothing here throws them away.
 */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { assert } from '#core/assert.ts';
import { describeError, WeirError } from '#core/errors.ts';

export type BlockRow = {
  /** Canonical address or range; the key. */
  readonly target: string;
  readonly reason: string;
  readonly origin: string;
  readonly createdAtMs: number;
  /** Null for one that stays until it is removed. */
  readonly expiresAtMs: number | null;
};

export const blockRowsMax = 1_000_000;
export const blockStoreFile = 'state.db';

const schemaVersion = 1;
/** "Weir" in the header of the file, so that another program's database is not taken for ours. */
const applicationId = 0x57656972;

const createSchema = `
  CREATE TABLE block (
    target TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    origin TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX block_expiry ON block (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

export class BlockStore {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #rowsMax: number;
  readonly #list: StatementSync;
  readonly #find: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #expire: StatementSync;
  #count: number;

  private constructor(path: string, database: DatabaseSync, rowsMax: number) {
    this.#path = path;
    this.#database = database;
    this.#rowsMax = rowsMax;
    this.#list = database.prepare('SELECT * FROM block ORDER BY created_at_ms, target');
    this.#find = database.prepare('SELECT * FROM block WHERE target = ?');
    this.#put = database.prepare('INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?, ?)');
    this.#remove = database.prepare('DELETE FROM block WHERE target = ?');
    this.#expire = database.prepare('DELETE FROM block WHERE expires_at_ms <= ? RETURNING target');
    this.#count = integer(database.prepare('SELECT count(*) AS count FROM block').get()?.['count']);
  }

  /** Throws STATE_UNUSABLE; the file is then as it was. */
  static open(directory: string, rowsMax = blockRowsMax): BlockStore {
    const path = join(directory, blockStoreFile);
    let database: DatabaseSync | null = null;
    try {
      // Made before SQLite sees it, so that it is never readable by others; its journal takes the same mode.
      closeSync(openSync(path, 'a', 0o600));
      chmodSync(path, 0o600);
      database = new DatabaseSync(path);
      database.exec('PRAGMA locking_mode = EXCLUSIVE');
      prepareSchema(database, path);
      return new BlockStore(path, database, rowsMax);
    } catch (error) {
      database?.close();
      throw error instanceof WeirError ? error : unusable(path, error);
    }
  }

  get count(): number {
    return this.#count;
  }

  /** Oldest first. */
  list(): BlockRow[] {
    return this.#attempt(() => this.#list.all().map(rowOf));
  }

  /** Null when the target is not listed. */
  find(target: string): BlockRow | null {
    return this.#attempt(() => {
      const row = this.#find.get(target);
      return row === undefined ? null : rowOf(row);
    });
  }

  /** Adds a row, or replaces the one with the same target. Throws BLOCK_LIST_FULL. */
  put(row: BlockRow): void {
    this.#attempt(() => {
      const isNew = this.#find.get(row.target) === undefined;
      if (isNew && this.#count >= this.#rowsMax) {
        throw new WeirError(
          'BLOCK_LIST_FULL',
          `the block list holds ${this.#count} entries, its maximum; remove some, or block a range`,
        );
      }
      this.#put.run(row.target, row.reason, row.origin, row.createdAtMs, row.expiresAtMs);
      if (isNew) this.#count++;
    });
  }

  /** False when the target was not listed. */
  remove(target: string): boolean {
    return this.#attempt(() => {
      const removed = Number(this.#remove.run(target).changes) > 0;
      if (removed) this.#count--;
      return removed;
    });
  }

  /** Takes out what has expired by `nowMs`; the targets. */
  expire(nowMs: number): string[] {
    return this.#attempt(() => {
      const targets = this.#expire.all(nowMs).map((row) => text(row['target']));
      this.#count -= targets.length;
      return targets;
    });
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof WeirError ? error : unusable(this.#path, error);
    }
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
      `${path} was written by a newer Weir (schema ${found}, this one knows ${schemaVersion}); run that version, or move the file away to start with an empty block list`,
    );
  }
  const damage = text(database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']);
  if (damage !== 'ok') throw new Error(damage);
  // Journal mode goes first: it cannot change inside a transaction.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  // Takes the lock now and keeps it, also when there is nothing to create.
  database.exec('BEGIN IMMEDIATE');
  if (tables === 0) database.exec(createSchema);
  database.exec('COMMIT');
}

function unusable(path: string, cause: unknown): WeirError {
  const reason = describeError(cause);
  if (/database is locked/.test(reason)) {
    return new WeirError(
      'STATE_UNUSABLE',
      `${path} is in use by another process; stop it, or set "state" to another directory`,
      { cause },
    );
  }
  if (/malformed|not a database|corrupt|quick_check|Tree \d|Page \d/i.test(reason)) {
    return new WeirError(
      'STATE_UNUSABLE',
      `${path} is damaged; restore it from a copy, or move it away to start with an empty block list`,
      { cause },
    );
  }
  return new WeirError(
    'STATE_UNUSABLE',
    `${path} cannot be used; check the disk and the rights to the file`,
    { cause },
  );
}

function rowOf(row: Record<string, SQLOutputValue>): BlockRow {
  const expires = row['expires_at_ms'];
  return {
    target: text(row['target']),
    reason: text(row['reason']),
    origin: text(row['origin']),
    createdAtMs: integer(row['created_at_ms']),
    expiresAtMs: expires === null ? null : integer(expires),
  };
}

/** The tables are STRICT, so another type is a mistake in this file. */
function text(value: SQLOutputValue | undefined): string {
  assert(typeof value === 'string', 'a text column');
  return value;
}

function integer(value: SQLOutputValue | undefined): number {
  assert(typeof value === 'number', 'an integer column');
  return value;
}
