/**
 * `decisions.db`: every batch of the fleet that still counts, whole as it was signed, and how far this member has
 * come as an issuer.
 *
 * A file of its own, beside `state.db`: it may grow to many times the size of what this node was told itself, it is
 * the same for an orchestrator, and it can be moved away, for the other members to fill it again, without a block of
 * this node being lost. As there, a commit is on disk before anything is answered (`synchronous = FULL`), and the
 * lock keeps a second process out.
 */
import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { assert } from '#core/assert.ts';
import {
  type DatabaseKind,
  databaseUnusable,
  integer,
  openDatabase,
  text,
} from '#state/database-file.ts';
import { batchDecisionsMax } from './batch.ts';
import type { HybridTime } from './decision.ts';

export const decisionsFile = 'decisions.db';

/** `digest` is of the bytes: a member that lost its disk may give a number twice (`budget.ts`). */
const createBatches = `
  CREATE TABLE batch (
    issuer TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    digest TEXT NOT NULL,
    last_sequence INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (issuer, sequence, digest)
  ) STRICT;
  CREATE INDEX batch_places ON batch (issuer, sequence, last_sequence);
  CREATE TABLE issuer (
    issuer TEXT PRIMARY KEY,
    newest_sequence INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE own (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    next_sequence INTEGER NOT NULL,
    issued_at_ms INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL,
    clock_counter INTEGER NOT NULL
  ) STRICT;
  INSERT INTO own VALUES (1, 0, 0, 0, 0)`;

const kind: DatabaseKind = {
  // "WeiD"
  applicationId: 0x57656944,
  migrations: [createBatches],
  startAnew: 'move it away: the other members of the fleet fill it again',
};

export type BatchKey = {
  readonly issuer: string;
  readonly sequence: number;
  readonly digest: string;
};

export type BatchRow = BatchKey & {
  readonly lastSequence: number;
  readonly expiresAtMs: number;
  readonly keyId: string;
  readonly bytes: Uint8Array;
};

export type OwnState = {
  readonly next: number;
  readonly issuedAtMs: number;
  readonly clock: HybridTime;
};

export class DecisionDatabase {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #find: StatementSync;
  readonly #places: StatementSync;
  readonly #clash: StatementSync;
  readonly #remove: StatementSync;
  readonly #seen: StatementSync;
  readonly #saveOwn: StatementSync;

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
    this.#insert = database.prepare('INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?)');
    const isKey = 'issuer = ? AND sequence = ? AND digest = ?';
    this.#find = database.prepare(`SELECT bytes FROM batch WHERE ${isKey}`);
    this.#places = database.prepare(
      'SELECT sequence, last_sequence FROM batch WHERE issuer = ? AND sequence BETWEEN ? AND ?',
    );
    this.#clash = database.prepare(
      `SELECT 1 FROM batch WHERE issuer = ? AND sequence BETWEEN ? AND ? AND last_sequence >= ?
       LIMIT 1`,
    );
    this.#remove = database.prepare(`DELETE FROM batch WHERE ${isKey}`);
    this.#seen = database.prepare(
      `INSERT INTO issuer VALUES (?, ?)
       ON CONFLICT DO UPDATE SET newest_sequence = max(newest_sequence, excluded.newest_sequence)`,
    );
    this.#saveOwn = database.prepare(
      'UPDATE own SET next_sequence = ?, issued_at_ms = ?, clock_ms = ?, clock_counter = ?',
    );
  }

  get path(): string {
    return this.#path;
  }

  /** Throws STATE_UNUSABLE; the file is then as it was. */
  static open(directory: string): DecisionDatabase {
    const path = join(directory, decisionsFile);
    return new DecisionDatabase(path, openDatabase(path, kind, 'exclusive'));
  }

  own(): OwnState {
    return this.attempt(() => {
      const row = this.#database.prepare('SELECT * FROM own').get();
      return {
        next: integer(row?.['next_sequence']),
        issuedAtMs: integer(row?.['issued_at_ms']),
        clock: { ms: integer(row?.['clock_ms']), counter: integer(row?.['clock_counter']) },
      };
    });
  }

  /** The newest sequence number seen of each issuer. */
  seen(): Map<string, number> {
    return this.attempt(() => {
      const rows = this.#database.prepare('SELECT * FROM issuer').all();
      return new Map(rows.map((row) => [text(row['issuer']), integer(row['newest_sequence'])]));
    });
  }

  /** All batches, one at a time: there may be more of them than fit into memory twice. */
  *batches(): Generator<BatchRow> {
    const statement = this.#database.prepare(
      'SELECT * FROM batch ORDER BY issuer, sequence, digest',
    );
    for (const row of statement.iterate())
      yield {
        issuer: text(row['issuer']),
        sequence: integer(row['sequence']),
        digest: text(row['digest']),
        lastSequence: integer(row['last_sequence']),
        expiresAtMs: integer(row['expires_at_ms']),
        keyId: text(row['key_id']),
        bytes: blob(row['bytes']),
      };
  }

  find({ issuer, sequence, digest }: BatchKey): Uint8Array | null {
    return this.attempt(() => {
      const row = this.#find.get(issuer, sequence, digest);
      return row === undefined ? null : blob(row['bytes']);
    });
  }

  /** Whether a kept batch of the issuer has one of these places. */
  clashes(issuer: string, first: number, last: number): boolean {
    return this.attempt(
      () => this.#clash.get(issuer, first - batchDecisionsMax + 1, last, first) !== undefined,
    );
  }

  /** The places an issuer gave out that begin between these two. */
  places(issuer: string, from: number, to: number): { first: number; last: number }[] {
    return this.attempt(() =>
      this.#places.all(issuer, from, to).map((row) => ({
        first: integer(row['sequence']),
        last: integer(row['last_sequence']),
      })),
    );
  }

  put(row: BatchRow): void {
    const { issuer, sequence, digest, lastSequence, expiresAtMs, keyId, bytes } = row;
    this.#insert.run(issuer, sequence, digest, lastSequence, expiresAtMs, keyId, bytes);
    this.#seen.run(issuer, sequence);
  }

  remove({ issuer, sequence, digest }: BatchKey): void {
    this.#remove.run(issuer, sequence, digest);
  }

  saveOwn({ next, issuedAtMs, clock }: OwnState): void {
    this.#saveOwn.run(next, issuedAtMs, clock.ms, clock.counter);
  }

  get synchronous(): 'full' | 'less' {
    const level = this.#database.prepare('PRAGMA synchronous').get()?.['synchronous'];
    return integer(level) >= 2 ? 'full' : 'less';
  }

  /** All of it or nothing; on disk when this returns. Throws STATE_UNUSABLE. */
  transaction<T>(work: () => T): T {
    return this.attempt(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  get isOpen(): boolean {
    return this.#database.isOpen;
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  /** Work on it, with what fails in words. */
  attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw databaseUnusable(this.#path, kind, error);
    }
  }
}

function blob(value: unknown): Uint8Array {
  assert(value instanceof Uint8Array, 'a blob column');
  return value;
}
