/**
 * Rule modules of this node on disk: the bytes by their hash, and for each name a history of versions.
 *
 * ```
 * modules/             0700
 *   history.db         0600   versions, what is current, the newest sequence number accepted
 *   SHA256.wasm        0600   bytes of what is live, ready or last in quarantine (module-files.ts)
 *   SHA256.map         0600   its source map, where one came with it (source-map-files.ts)
 * ```
 *
 * ```
 * (load refused) failed
 * load ─► live ─► ready ─► retired         two versions before the live one are ready; of older ones the
 *          │ ▲      │                      bytes are given up, the row stays
 *          │ └──────┘ rollback
 *          └─► quarantined                 off, until another goes live or somebody says it by number
 * ```
 *
 * Numbers are given once and never again, so that "version 4" is one thing in every log. The database is
 * not locked between changes: in an upgrade the successor reads it while the old process still serves, and
 * `state.db` keeps a second edge out.
 */
import { join } from 'node:path';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import { databaseUnusable, integer, integerOrNull, text, textOrNull } from './database-file.ts';
import {
  historyFile,
  type ModuleOrigin,
  type ModuleVersion,
  moduleDatabase,
  openModuleDatabase,
  type VersionState,
  versionOf,
} from './module-database.ts';
import { ModuleFiles } from './module-files.ts';
import { SourceMapFiles } from './source-map-files.ts';

export type ModuleHead = {
  /** Null only while nothing has ever been live. */
  readonly current: number | null;
  /** The current version is in quarantine and there was none to take its place. */
  readonly isOff: boolean;
  /** What the configured source held when the current version went live. */
  readonly configuredSha256: string | null;
  /** The newest sequence number of a signed version that went live. */
  readonly newestSequence: number | null;
};

export type NewVersion = Pick<
  ModuleVersion,
  | 'name'
  | 'sha256'
  | 'bytes'
  | 'origin'
  | 'source'
  | 'loadedAtMs'
  | 'keyName'
  | 'sequence'
  | 'signature'
>;

export type ModuleStoreBounds = {
  /** Versions besides the live one that a rollback finds. */
  readonly readyMax: number;
  readonly historyRowsMax: number;
  readonly failedRowsMax: number;
  /** Of all files together. */
  readonly bytesMax: number;
  /** Names that have a history; of those that are not configured the oldest is forgotten. */
  readonly namesMax: number;
};

export const moduleStoreBounds: ModuleStoreBounds = {
  readyMax: 2,
  historyRowsMax: 100,
  failedRowsMax: 20,
  bytesMax: 1_073_741_824,
  namesMax: 256,
};

export const moduleFolder = 'modules';
export class ModuleStore {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #files: ModuleFiles;
  readonly #bounds: ModuleStoreBounds;
  /** By the hash of the module. */
  readonly sourceMaps: SourceMapFiles;

  private constructor(folder: string, database: DatabaseSync, bounds: ModuleStoreBounds) {
    this.#path = join(folder, historyFile);
    this.#database = database;
    this.#files = new ModuleFiles(folder);
    this.sourceMaps = new SourceMapFiles(folder);
    this.#bounds = bounds;
  }

  /** `state` is the state directory. Throws STATE_UNUSABLE. */
  static open(state: string, bounds: Partial<ModuleStoreBounds> = {}): ModuleStore {
    const folder = join(state, moduleFolder);
    return new ModuleStore(folder, openModuleDatabase(folder), { ...moduleStoreBounds, ...bounds });
  }

  /** Null for a name that was never loaded. */
  head(name: string): ModuleHead | null {
    return this.#attempt(() => {
      const row = this.#row('SELECT * FROM module WHERE name = ?', name);
      if (row === undefined) return null;
      return {
        current: integerOrNull(row['current']),
        isOff: integer(row['is_off']) === 1,
        configuredSha256: textOrNull(row['configured_sha256']),
        newestSequence: integerOrNull(row['newest_sequence']),
      };
    });
  }

  /** Newest number first. */
  history(name: string): ModuleVersion[] {
    return this.#attempt(() =>
      this.#database
        .prepare('SELECT * FROM version WHERE name = ? ORDER BY version DESC')
        .all(name)
        .map(versionOf),
    );
  }

  version(name: string, version: number): ModuleVersion | null {
    return this.#attempt(() => {
      const row = this.#row('SELECT * FROM version WHERE name = ? AND version = ?', name, version);
      return row === undefined ? null : versionOf(row);
    });
  }

  /** On disk, before it goes live. Throws MODULE_STORE_FULL. */
  async keep(sha256: string, bytes: Uint8Array): Promise<void> {
    this.#transaction(() => this.#makeRoom(sha256, bytes.length));
    await this.#files.put(sha256, bytes);
  }

  readBytes(sha256: string): Promise<Uint8Array> {
    return this.#files.read(sha256);
  }

  /** A new version is live; its bytes are kept already. */
  addLive(entry: NewVersion, configuredSha256: string | null): ModuleVersion {
    return this.#transaction(() => {
      const version = this.#insert(entry, 'live', null);
      this.#setCurrent(entry.name, version, configuredSha256);
      if (entry.sequence !== null) this.#noteSequence(entry.name, entry.sequence);
      return this.#settled(entry.name, version);
    });
  }

  /** A version of the history is live again. */
  setLive(
    name: string,
    version: number,
    change: {
      readonly origin: ModuleOrigin;
      readonly loadedAtMs: number;
      readonly configuredSha256: string | null;
    },
  ): ModuleVersion {
    return this.#transaction(() => {
      this.#run(
        'UPDATE version SET origin = ?, loaded_at_ms = ?, is_kept = 1 WHERE name = ? AND version = ?',
        change.origin,
        change.loadedAtMs,
        name,
        version,
      );
      this.#setCurrent(name, version, change.configuredSha256);
      return this.#settled(name, version);
    });
  }

  /** The bytes stay as they are and have another signature. */
  sign(
    name: string,
    version: number,
    signed: { readonly keyName: string; readonly sequence: number; readonly signature: string },
  ): void {
    this.#transaction(() => {
      this.#run(
        'UPDATE version SET key_name = ?, sequence = ?, signature = ? WHERE name = ? AND version = ?',
        signed.keyName,
        signed.sequence,
        signed.signature,
        name,
        version,
      );
      this.#noteSequence(name, signed.sequence);
    });
  }

  /** The configured source holds this now, and the current version stays in spite of it or because of it. */
  noteConfigured(name: string, sha256: string): void {
    this.#transaction(() =>
      this.#run('UPDATE module SET configured_sha256 = ? WHERE name = ?', sha256, name),
    );
  }

  /** The current version fails too often. It stays current, and off, until another one goes live. */
  quarantine(name: string, version: number, reason: string): void {
    this.#transaction(() => {
      this.#run(
        "UPDATE version SET state = 'quarantined', error = ? WHERE name = ? AND version = ?",
        reason,
        name,
        version,
      );
      this.#run('UPDATE module SET is_off = 1 WHERE name = ? AND current = ?', name, version);
      this.#settle(name);
    });
  }

  /** A load that was refused. The same bytes refused again for the same reason are one entry. */
  addFailed(entry: NewVersion, error: string): ModuleVersion {
    return this.#transaction(() => {
      const [newest] = this.history(entry.name);
      if (
        newest?.state === 'failed' &&
        newest.sha256 === entry.sha256 &&
        newest.error === error &&
        newest.origin === entry.origin
      ) {
        this.#run(
          'UPDATE version SET loaded_at_ms = ? WHERE name = ? AND version = ?',
          entry.loadedAtMs,
          entry.name,
          newest.version,
        );
        return { ...newest, loadedAtMs: entry.loadedAtMs };
      }
      return this.#settled(entry.name, this.#insert(entry, 'failed', error));
    });
  }

  /** How a version failed while it served. */
  noteError(name: string, version: number, error: string): void {
    this.#transaction(() =>
      this.#run(
        'UPDATE version SET error = ? WHERE name = ? AND version = ?',
        error,
        name,
        version,
      ),
    );
  }

  /** For versions that are not current. */
  remove(name: string, version: number): void {
    this.#transaction(() => {
      this.#run('DELETE FROM version WHERE name = ? AND version = ?', name, version);
      this.#settle(name);
    });
  }

  /** Gives up files that no version needs, and names too many that are not configured. */
  async collect(configured: ReadonlySet<string>): Promise<void> {
    const kept = this.#transaction(() => {
      this.#forgetNames(configured);
      return new Set(
        this.#database
          .prepare('SELECT DISTINCT sha256 FROM version WHERE is_kept = 1')
          .all()
          .map((row) => text(row['sha256'])),
      );
    });
    await this.#files.collect(kept);
    await this.sourceMaps.collect(kept);
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #insert(entry: NewVersion, state: VersionState, error: string | null): number {
    this.#run('INSERT OR IGNORE INTO module VALUES (?, NULL, 0, NULL, NULL, 1)', entry.name);
    const row = this.#row(
      'UPDATE module SET next_version = next_version + 1 WHERE name = ? RETURNING next_version - 1 AS version',
      entry.name,
    );
    const version = integer(row?.['version']);
    this.#run(
      'INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      entry.name,
      version,
      entry.sha256,
      entry.bytes,
      entry.origin,
      entry.source,
      entry.loadedAtMs,
      state,
      error,
      entry.keyName,
      entry.sequence,
      entry.signature,
      state === 'failed' ? 0 : 1,
    );
    return version;
  }

  #setCurrent(name: string, version: number, configuredSha256: string | null): void {
    this.#run("UPDATE version SET state = 'ready' WHERE name = ? AND state = 'live'", name);
    this.#run("UPDATE version SET state = 'live' WHERE name = ? AND version = ?", name, version);
    this.#run(
      'UPDATE module SET current = ?, is_off = 0, configured_sha256 = ? WHERE name = ?',
      version,
      configuredSha256,
      name,
    );
    this.#settle(name);
  }

  #noteSequence(name: string, sequence: number): void {
    this.#run(
      'UPDATE module SET newest_sequence = max(coalesce(newest_sequence, ?), ?) WHERE name = ?',
      sequence,
      sequence,
      name,
    );
  }

  /** Which versions stay ready, whose bytes are kept, which rows are too old. */
  #settle(name: string): void {
    const { readyMax, historyRowsMax, failedRowsMax } = this.#bounds;
    const rows = this.history(name);
    const current = this.head(name)?.current ?? null;
    const newestFirst = rows.toSorted(
      (a, b) => b.loadedAtMs - a.loadedAtMs || b.version - a.version,
    );
    for (const row of newestFirst.filter(({ state }) => state === 'ready').slice(readyMax))
      this.#retire(row);
    const quarantined = newestFirst.filter(
      ({ state, version }) => state === 'quarantined' && version !== current,
    );
    for (const row of quarantined.slice(1)) this.#giveUpBytes(row);
    const failed = rows.filter(({ state }) => state === 'failed').slice(failedRowsMax);
    const old = rows
      .slice(historyRowsMax)
      .filter(({ isKept, version }) => !isKept && version !== current);
    for (const { version } of new Set([...failed, ...old]))
      this.#run('DELETE FROM version WHERE name = ? AND version = ?', name, version);
  }

  #retire(row: ModuleVersion): void {
    this.#run(
      "UPDATE version SET state = 'retired', is_kept = 0 WHERE name = ? AND version = ?",
      row.name,
      row.version,
    );
  }

  #giveUpBytes(row: ModuleVersion): void {
    this.#run(
      'UPDATE version SET is_kept = 0 WHERE name = ? AND version = ?',
      row.name,
      row.version,
    );
  }

  /** What was live the longest ago goes first; what is live never does. */
  #makeRoom(sha256: string, bytes: number): void {
    const { bytesMax } = this.#bounds;
    while (true) {
      const row = this.#row(
        'SELECT coalesce(sum(bytes), 0) AS bytes FROM (SELECT DISTINCT sha256, bytes FROM version WHERE is_kept = 1 AND sha256 <> ?)',
        sha256,
      );
      if (integer(row?.['bytes']) + bytes <= bytesMax) return;
      const oldest = this.#row(
        `SELECT version.* FROM version JOIN module USING (name)
         WHERE is_kept = 1 AND version.version IS NOT module.current ORDER BY loaded_at_ms LIMIT 1`,
      );
      if (oldest === undefined) {
        throw new WeirError(
          'MODULE_STORE_FULL',
          `modules that are live hold all of the ${bytesMax} bytes there are for modules; take one out of the configuration`,
        );
      }
      const version = versionOf(oldest);
      if (version.state === 'ready') this.#retire(version);
      else this.#giveUpBytes(version);
    }
  }

  #forgetNames(configured: ReadonlySet<string>): void {
    const { namesMax } = this.#bounds;
    const names = this.#database
      .prepare('SELECT name, max(loaded_at_ms) AS at FROM version GROUP BY name ORDER BY at DESC')
      .all()
      .map((row) => text(row['name']))
      .filter((name) => !configured.has(name));
    for (const name of names.slice(Math.max(0, namesMax - configured.size))) {
      this.#run('DELETE FROM version WHERE name = ?', name);
      this.#run('DELETE FROM module WHERE name = ?', name);
    }
  }

  #settled(name: string, version: number): ModuleVersion {
    this.#settle(name);
    const row = this.version(name, version);
    assert(row !== null, 'the row was written in this transaction');
    return row;
  }

  #row(
    sql: string,
    ...values: readonly (string | number)[]
  ): Record<string, SQLOutputValue> | undefined {
    return this.#database.prepare(sql).get(...values);
  }

  #run(sql: string, ...values: readonly (string | number | null)[]): void {
    this.#database.prepare(sql).run(...values);
  }

  #transaction<T>(work: () => T): T {
    return this.#attempt(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw databaseUnusable(this.#path, moduleDatabase, error);
    }
  }
}
