/**
 * The events of a node on disk, in `events.db` of its state directory: the newest, so many and so old at most.
 *
 * Written in batches by the supervisor's process; no request waits for it. During an upgrade two processes write for
 * a moment, so the file is not locked, and places are given by SQLite. What a power cut takes is the last batch: events
 * are also on their way to wherever they are sent.
 */
import { join } from 'node:path';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import {
  type DatabaseKind,
  databaseUnusable,
  integer,
  openDatabase,
  text,
} from '#state/database-file.ts';
import type { EcsEvent } from './ecs-event.ts';

export const eventsFile = 'events.db';

const createEvents = `
  CREATE TABLE event (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    request TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    route TEXT NOT NULL,
    address TEXT NOT NULL,
    number INTEGER NOT NULL,
    ecs TEXT NOT NULL
  ) STRICT;
  CREATE INDEX event_id ON event (id);
  CREATE INDEX event_request ON event (request) WHERE request <> '';
  CREATE INDEX event_age ON event (at_ms);
  CREATE TABLE event_rule (
    place INTEGER NOT NULL,
    rule TEXT NOT NULL,
    PRIMARY KEY (rule, place)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX event_rule_place ON event_rule (place)`;

const kind: DatabaseKind = {
  // "WeEv"
  applicationId: 0x57654576,
  migrations: [createEvents],
  startAnew: 'move it away to start without the events of before',
};

export type StoredEvent = { readonly place: number; readonly ecs: EcsEvent };

/** What is asked for; what is left out suits all. */
export type EventFilter = {
  readonly kind?: string;
  readonly route?: string;
  /** The whole name, or what stands behind `NAME/`. */
  readonly rule?: string;
  readonly address?: string;
};

export type EventCount = {
  readonly name: string;
  readonly events: number;
  readonly newestAtMs: number;
};

export const countedBy = ['kind', 'rule', 'route', 'address'] as const;
export type CountedBy = (typeof countedBy)[number];

export type StoreBounds = { readonly eventsMax: number; readonly ageMs: number };

export class EventStore {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #insert: StatementSync;
  readonly #insertRule: StatementSync;
  readonly #byId: StatementSync;
  readonly #count: StatementSync;

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
    this.#insert = database.prepare(
      'INSERT INTO event (id, request, at_ms, kind, route, address, number, ecs) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#insertRule = database.prepare('INSERT OR IGNORE INTO event_rule VALUES (?, ?)');
    this.#byId = database.prepare(
      "SELECT place, ecs FROM event WHERE id = ?1 OR (request = ?1 AND request <> '') ORDER BY place DESC LIMIT 1",
    );
    this.#count = database.prepare('SELECT count(*) AS count FROM event');
  }

  /** Throws STATE_UNUSABLE; the file is then as it was. */
  static open(directory: string): EventStore {
    const path = join(directory, eventsFile);
    const database = openDatabase(path, kind, 'shared');
    database.exec('PRAGMA synchronous = NORMAL');
    return new EventStore(path, database);
  }

  /** One transaction; then what is too much or too old goes. */
  add(events: readonly EcsEvent[], bounds: StoreBounds, nowMs: number): void {
    this.#attempt(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        for (const ecs of events) this.#addOne(ecs);
        this.#prune(bounds, nowMs);
        this.#database.exec('COMMIT');
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  get count(): number {
    return this.#attempt(() => integer(this.#count.get()?.['count']));
  }

  /** By its own id, or the newest of a request. */
  find(id: string): StoredEvent | null {
    return this.#attempt(() => {
      const row = this.#byId.get(id);
      return row === undefined ? null : storedOf(row);
    });
  }

  /** The newest `limit` that suit, oldest first; with `after` the oldest behind that place. */
  list(filter: EventFilter, limit: number, after: number | null): StoredEvent[] {
    return this.#attempt(() => {
      const { where, values } = conditions(filter);
      const place = after === null ? '' : ' AND place > ?';
      const rows = this.#database
        .prepare(
          `SELECT place, ecs FROM event WHERE ${where}${place} ORDER BY place ${after === null ? 'DESC' : 'ASC'} LIMIT ?`,
        )
        .all(...values, ...(after === null ? [] : [after]), limit)
        .map(storedOf);
      return after === null ? rows.reverse() : rows;
    });
  }

  /** Where the next one will stand behind. */
  get newestPlace(): number {
    return this.#attempt(() =>
      this.#place('SELECT coalesce(max(place), 0) AS place FROM event WHERE place > ?', 0),
    );
  }

  /** The most frequent first. */
  counts(by: CountedBy, filter: EventFilter, sinceMs: number, limit: number): EventCount[] {
    return this.#attempt(() => {
      const { where, values } = conditions(filter);
      const [column, tables] =
        by === 'rule'
          ? ['event_rule.rule', 'event JOIN event_rule USING (place)']
          : [`event.${by}`, 'event'];
      return this.#database
        .prepare(
          `SELECT ${column} AS name, sum(number) AS events, max(at_ms) AS newest FROM ${tables}
           WHERE ${where} AND at_ms >= ? AND ${column} <> '' GROUP BY name ORDER BY events DESC, name LIMIT ?`,
        )
        .all(...values, sinceMs, limit)
        .map((row) => ({
          name: text(row['name']),
          events: integer(row['events']),
          newestAtMs: integer(row['newest']),
        }));
    });
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #addOne(ecs: EcsEvent): void {
    const { event, http, source, rule, weir } = ecs;
    const { lastInsertRowid } = this.#insert.run(
      event.id,
      http?.request.id ?? '',
      Date.parse(ecs['@timestamp']),
      event.action,
      weir.route ?? '',
      source?.ip ?? '',
      weir.count ?? 1,
      JSON.stringify(ecs),
    );
    const rules = new Set((weir.matches ?? []).map((match) => match.rule));
    if (rule !== undefined) rules.add(rule.id);
    for (const id of rules) this.#insertRule.run(lastInsertRowid, id);
  }

  #prune({ eventsMax, ageMs }: StoreBounds, nowMs: number): void {
    const surplus = integer(this.#count.get()?.['count']) - eventsMax;
    const last = Math.max(
      this.#place(
        'SELECT coalesce(max(place), 0) AS place FROM event WHERE at_ms < ?',
        nowMs - ageMs,
      ),
      surplus <= 0
        ? 0
        : this.#place('SELECT place FROM event ORDER BY place LIMIT 1 OFFSET ?', surplus - 1),
    );
    if (last === 0) return;
    this.#database.prepare('DELETE FROM event_rule WHERE place <= ?').run(last);
    this.#database.prepare('DELETE FROM event WHERE place <= ?').run(last);
  }

  #place(statement: string, value: number): number {
    return integer(this.#database.prepare(statement).get(value)?.['place']);
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw databaseUnusable(this.#path, kind, error);
    }
  }
}

function conditions({ kind, route, rule, address }: EventFilter): {
  where: string;
  values: SQLInputValue[];
} {
  const parts: string[] = ['1 = 1'];
  const values: SQLInputValue[] = [];
  const add = (condition: string, ...given: string[]): void => {
    parts.push(condition);
    values.push(...given);
  };
  if (kind !== undefined) add('kind = ?', kind);
  if (route !== undefined) add('route = ?', route);
  if (address !== undefined) add('address = ?', address);
  if (rule !== undefined)
    add(
      "event.place IN (SELECT place FROM event_rule WHERE rule = ? OR rule LIKE '%/' || ?)",
      rule,
      rule.replaceAll(/[%_]/g, ''),
    );
  return { where: parts.join(' AND '), values };
}

function storedOf(row: Record<string, unknown>): StoredEvent {
  const { place, ecs } = row as { place: number; ecs: string };
  return { place, ecs: JSON.parse(ecs) as EcsEvent };
}
