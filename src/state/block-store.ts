/** The block list of this node on disk, in `state.db`: what `put` and `remove` have answered stays. */
import type { SQLOutputValue, StatementSync } from 'node:sqlite';
import { WeirError } from '#core/errors.ts';
import { integer, integerOrNull, text } from './database-file.ts';
import type { StateDatabase } from './state-database.ts';

export type BlockRow = {
  /** Canonical address or range; the key. */
  readonly target: string;
  readonly reason: string;
  readonly origin: string;
  readonly createdAtMs: number;
  /** Null for one that stays until it is removed. */
  readonly expiresAtMs: number | null;
  readonly action: BlockAction;
};

/** Kept out, or only counted. */
export type BlockAction = 'drop' | 'monitor';

/** A million addresses, and ranges beside them. */
export const blockRowsMax = 1_100_000;

export class BlockStore {
  readonly #state: StateDatabase;
  readonly #rowsMax: number;
  readonly #list: StatementSync;
  readonly #kinds: StatementSync;
  readonly #page: StatementSync;
  readonly #find: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #expire: StatementSync;
  #count: number;

  constructor(state: StateDatabase, rowsMax = blockRowsMax) {
    const { database } = state;
    this.#state = state;
    this.#rowsMax = rowsMax;
    this.#list = database.prepare('SELECT * FROM block ORDER BY created_at_ms, target');
    this.#kinds = database.prepare(
      "SELECT instr(target, ':') > 0 AS v6, instr(target, '/') > 0 AS range, count(*) AS count FROM block GROUP BY v6, range",
    );
    this.#page = database.prepare(
      'SELECT * FROM block WHERE (created_at_ms, target) > (?, ?) ORDER BY created_at_ms, target LIMIT ?',
    );
    this.#find = database.prepare('SELECT * FROM block WHERE target = ?');
    this.#put = database.prepare('INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?, ?, ?)');
    this.#remove = database.prepare('DELETE FROM block WHERE target = ?');
    this.#expire = database.prepare('DELETE FROM block WHERE expires_at_ms <= ? RETURNING target');
    this.#count = integer(database.prepare('SELECT count(*) AS count FROM block').get()?.['count']);
  }

  get count(): number {
    return this.#count;
  }

  /** As many rows of each kind. */
  kinds(): { readonly isV6: boolean; readonly isRange: boolean; readonly count: number }[] {
    return this.#state.attempt(() =>
      this.#kinds.all().map((row) => ({
        isV6: row['v6'] === 1,
        isRange: row['range'] === 1,
        count: integer(row['count']),
      })),
    );
  }

  /** Oldest first. */
  list(): BlockRow[] {
    return this.#state.attempt(() => this.#list.all().map(rowOf));
  }

  /** The next ones after a row, in the order of `list`. */
  page(after: Pick<BlockRow, 'createdAtMs' | 'target'> | null, limit: number): BlockRow[] {
    const { createdAtMs, target } = after ?? { createdAtMs: -1, target: '' };
    return this.#state.attempt(() => this.#page.all(createdAtMs, target, limit).map(rowOf));
  }

  /** Null when the target is not listed. */
  find(target: string): BlockRow | null {
    // Asked for each of the hundred thousand a fleet may decide at once, on nodes that have decided nothing themselves.
    if (this.#count === 0) return null;
    return this.#state.attempt(() => {
      const row = this.#find.get(target);
      return row === undefined ? null : rowOf(row);
    });
  }

  /** Adds a row, or replaces the one with the same target. Throws BLOCK_LIST_FULL. */
  put(row: BlockRow): void {
    this.#state.attempt(() => {
      const isNew = this.#find.get(row.target) === undefined;
      if (isNew) this.checkRoom(1);
      this.#put.run(
        row.target,
        row.reason,
        row.origin,
        row.createdAtMs,
        row.expiresAtMs,
        row.action,
      );
      if (isNew) this.#count++;
    });
  }

  /** Throws BLOCK_LIST_FULL where so many more have no room. */
  checkRoom(more: number): void {
    if (this.#count + more <= this.#rowsMax) return;
    throw new WeirError(
      'BLOCK_LIST_FULL',
      `the block list holds ${this.#count} of ${this.#rowsMax} entries, and ${more} more do not fit; remove some, or block wider ranges`,
    );
  }

  /** All of these or none. Throws BLOCK_LIST_FULL. */
  putAll(rows: readonly BlockRow[]): void {
    this.#state.attempt(() => {
      const before = this.#count;
      this.#state.database.exec('BEGIN IMMEDIATE');
      try {
        for (const row of rows) this.put(row);
        this.#state.database.exec('COMMIT');
      } catch (error) {
        this.#state.database.exec('ROLLBACK');
        this.#count = before;
        throw error;
      }
    });
  }

  /** False when the target was not listed. */
  remove(target: string): boolean {
    return this.#state.attempt(() => {
      const removed = Number(this.#remove.run(target).changes) > 0;
      if (removed) this.#count--;
      return removed;
    });
  }

  /** Takes out what has expired by `nowMs`; the targets. */
  expire(nowMs: number): string[] {
    return this.#state.attempt(() => {
      const targets = this.#expire.all(nowMs).map((row) => text(row['target']));
      this.#count -= targets.length;
      return targets;
    });
  }
}

function rowOf(row: Record<string, SQLOutputValue>): BlockRow {
  return {
    target: text(row['target']),
    reason: text(row['reason']),
    origin: text(row['origin']),
    createdAtMs: integer(row['created_at_ms']),
    expiresAtMs: integerOrNull(row['expires_at_ms']),
    action: row['action'] === 'monitor' ? 'monitor' : 'drop',
  };
}
