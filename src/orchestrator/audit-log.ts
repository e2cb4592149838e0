/**
 * Who changed what, from where, and how it ended: rows that are only ever added, each with the hash of the one
 * before it, so that a changed, missing or inserted row shows.
 *
 * ```
 * hash(n) = SHA-256( hash(n-1) LF JSON of row n )            hash(0) = ''
 *
 * begin  before the call is done: who, what, from where      a crash in between leaves a begin without an end
 * end    before its answer is sent: the status               refused before it began: an end of its own
 * ```
 *
 * The chain shows changes by whoever has no older copy of its head; the head is therefore in each line of the
 * log as well, and `weir orchestrator audit verify` prints it. Of more rows than the bound the oldest go, and
 * the chain then begins at the hash of the last that went.
 */
import { createHash } from 'node:crypto';
import type { SQLOutputValue, StatementSync } from 'node:sqlite';
import { integer, integerOrNull, text } from '#state/database-file.ts';
import type { StateDatabase } from '#state/state-database.ts';

export type AuditCall = {
  readonly caller: string;
  readonly role: string;
  readonly source: string;
  readonly method: string;
  readonly path: string;
  /** What was asked for, cut to `detailCharactersMax`. */
  readonly detail: string;
};

export type AuditEntry = AuditCall & {
  readonly sequence: number;
  readonly atMs: number;
  readonly phase: 'begin' | 'end';
  /** Of an end: the sequence of its begin; null where it was refused before that. */
  readonly of: number | null;
  readonly status: number | null;
  readonly hash: string;
};

export type AuditHead = { readonly sequence: number; readonly hash: string };

export type AuditVerdict = {
  readonly ok: boolean;
  readonly entries: number;
  readonly head: AuditHead;
  /** The first row that does not follow from the one before it. */
  readonly broken: { readonly sequence: number; readonly reason: string } | null;
};

export const detailCharactersMax = 1_000;
const pathCharactersMax = 512;

export class AuditLog {
  readonly #state: StateDatabase;
  readonly #entriesMax: number;
  readonly #nowMs: () => number;
  readonly #insert: StatementSync;
  readonly #page: StatementSync;
  #head: AuditHead;
  #first: number;

  constructor(state: StateDatabase, entriesMax: number, nowMs: () => number) {
    const { database } = state;
    this.#state = state;
    this.#entriesMax = entriesMax;
    this.#nowMs = nowMs;
    this.#insert = database.prepare(
      'INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#page = database.prepare(
      'SELECT * FROM audit WHERE sequence < ? ORDER BY sequence DESC LIMIT ?',
    );
    const start = startOf(state);
    const newest = database
      .prepare('SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1')
      .get();
    this.#first = start.sequence + 1;
    this.#head =
      newest === undefined
        ? start
        : { sequence: integer(newest['sequence']), hash: text(newest['hash']) };
  }

  get head(): AuditHead {
    return this.#head;
  }

  /** On disk when it returns; the sequence, for `end`. */
  begin(call: AuditCall): number {
    return this.#append(call, 'begin', null, null);
  }

  end(call: AuditCall, of: number | null, status: number): void {
    this.#append(call, 'end', of, status);
  }

  /** Newest first, those before a sequence. */
  list(before: number | null, limit: number): AuditEntry[] {
    return this.#state.attempt(() =>
      this.#page.all(before ?? Number.MAX_SAFE_INTEGER, limit).map(entryOf),
    );
  }

  verify(): AuditVerdict {
    return this.#state.attempt(() => verifyChain(this.#state, this.#head));
  }

  #append(
    call: AuditCall,
    phase: AuditEntry['phase'],
    of: number | null,
    status: number | null,
  ): number {
    const sequence = this.#head.sequence + 1;
    const row = {
      ...call,
      path: call.path.slice(0, pathCharactersMax),
      detail: call.detail.slice(0, detailCharactersMax),
      ...{ sequence, atMs: this.#nowMs(), phase, of, status },
    };
    const hash = hashOf(this.#head.hash, row);
    this.#state.attempt(() => {
      const { caller, role, source, method, path, detail, atMs } = row;
      const { database } = this.#state;
      database.exec('BEGIN IMMEDIATE');
      try {
        this.#insert.run(
          ...[sequence, atMs, phase, of, caller, role, source],
          ...[method, path, detail, status, hash],
        );
        this.#dropOldest(sequence);
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    });
    this.#head = { sequence, hash };
    return sequence;
  }

  /** In steps of a hundredth, so that not every row is a delete as well. */
  #dropOldest(newest: number): void {
    const step = Math.max(1, Math.floor(this.#entriesMax / 100));
    if (newest - this.#first + 1 < this.#entriesMax + step) return;
    const last = newest - this.#entriesMax;
    const { database } = this.#state;
    const row = database.prepare('SELECT hash FROM audit WHERE sequence = ?').get(last);
    database
      .prepare('UPDATE audit_start SET sequence = ?, hash = ?')
      .run(last, text(row?.['hash']));
    database.prepare('DELETE FROM audit WHERE sequence <= ?').run(last);
    this.#first = last + 1;
  }
}

function verifyChain(state: StateDatabase, head: AuditHead): AuditVerdict {
  let { sequence, hash } = startOf(state);
  let entries = 0;
  const broken = (at: number, reason: string): AuditVerdict => ({
    ok: false,
    entries,
    head,
    broken: { sequence: at, reason },
  });
  for (const row of state.database.prepare('SELECT * FROM audit ORDER BY sequence').iterate()) {
    const entry = entryOf(row);
    if (entry.sequence !== sequence + 1)
      return broken(sequence + 1, 'is missing, or was never the next one');
    if (entry.hash !== hashOf(hash, entry))
      return broken(entry.sequence, 'is not what it was when it was written');
    ({ sequence, hash } = entry);
    entries++;
  }
  if (sequence !== head.sequence || hash !== head.hash)
    return broken(sequence + 1, 'is missing from the end');
  return { ok: true, entries, head, broken: null };
}

function hashOf(before: string, row: Omit<AuditEntry, 'hash'>): string {
  const { sequence, atMs, phase, of, caller, role, source, method, path, detail, status } = row;
  const content = [sequence, atMs, phase, of, caller, role, source, method, path, detail, status];
  return createHash('sha256')
    .update(`${before}\n${JSON.stringify(content)}`)
    .digest('hex');
}

function startOf({ database }: StateDatabase): AuditHead {
  const row = database.prepare('SELECT sequence, hash FROM audit_start').get();
  return { sequence: integer(row?.['sequence']), hash: text(row?.['hash']) };
}

function entryOf(row: Record<string, SQLOutputValue>): AuditEntry {
  return {
    sequence: integer(row['sequence']),
    atMs: integer(row['at_ms']),
    phase: row['phase'] === 'begin' ? 'begin' : 'end',
    of: integerOrNull(row['of']),
    caller: text(row['caller']),
    role: text(row['role']),
    source: text(row['source']),
    method: text(row['method']),
    path: text(row['path']),
    detail: text(row['detail']),
    status: integerOrNull(row['status']),
    hash: text(row['hash']),
  };
}
