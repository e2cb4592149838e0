/**
 * What an orchestrator keeps of rollouts on its own disk: the newest plan as it was signed, what was uploaded, and
 * every byte of it. The bus is filled again from here when it has lost something.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { Check } from 'typebox/value';
import { WeirError } from '#core/errors.ts';
import { type Blob, blobsOf, type Content, type ContentKind, content } from '#rollout/content.ts';
import { text } from '#state/database-file.ts';
import { ModuleFiles } from '#state/module-files.ts';
import { rolloutFolder } from '#state/rollout-files.ts';
import type { StateDatabase } from '#state/state-database.ts';

/** Uploads that no plan speaks of; of more the oldest go. */
export const uploadsMax = 64;

export type KeptContent = { readonly name: string; readonly content: Content };

export class RolloutStore {
  readonly #state: StateDatabase;
  readonly #files: ModuleFiles;
  readonly #put: StatementSync;

  constructor(state: StateDatabase, directory: string) {
    this.#state = state;
    this.#files = new ModuleFiles(join(directory, rolloutFolder), '.blob');
    this.#put = state.database.prepare('INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?, ?)');
  }

  plan(): Uint8Array | null {
    const row = this.#state.attempt(() =>
      this.#state.database.prepare('SELECT document FROM rollout_plan').get(),
    );
    const document = row?.['document'];
    return document instanceof Uint8Array ? document : null;
  }

  putPlan(document: Uint8Array): void {
    this.#state.attempt(() =>
      this.#state.database
        .prepare('INSERT OR REPLACE INTO rollout_plan VALUES (1, ?)')
        .run(document),
    );
  }

  /** Its bytes are on disk when it resolves. */
  async add(name: string, added: Content, bytes: readonly Uint8Array[], nowMs: number) {
    for (const one of bytes) await this.keep(one);
    this.#state.attempt(() =>
      this.#put.run(added.kind, name, added.sha256, JSON.stringify(added), nowMs),
    );
  }

  /** Null where it was not uploaded here, nor heard of. */
  find(kind: ContentKind, name: string, sha256: string): Content | null {
    const row = this.#state.attempt(() =>
      this.#state.database
        .prepare('SELECT said FROM content WHERE kind = ? AND name = ? AND sha256 = ?')
        .get(kind, name, sha256),
    );
    return row === undefined ? null : contentOf(text(row['said']));
  }

  async keep(bytes: Uint8Array): Promise<void> {
    await this.#files.put(createHash('sha256').update(bytes).digest('hex'), bytes);
  }

  /** Null where it is not on this disk, or damaged. */
  read({ sha256 }: Pick<Blob, 'sha256'>): Promise<Uint8Array | null> {
    return this.#files.read(sha256).catch((error: unknown) => {
      if (error instanceof WeirError) return null;
      throw error;
    });
  }

  /** Gives up old uploads beside `needed`. The bytes that nothing needs any more, for whoever has them as well. */
  async collect(needed: readonly Content[]): Promise<Blob[]> {
    const { database } = this.#state;
    const isNeeded = new Set(needed.map(({ kind, sha256 }) => `${kind} ${sha256}`));
    const rows = this.#state.attempt(() =>
      database.prepare('SELECT * FROM content ORDER BY added_at_ms DESC').all(),
    );
    const loose = rows.filter((row) => !isNeeded.has(`${row['kind']} ${row['sha256']}`));
    const gone = new Set(loose.slice(uploadsMax));
    if (gone.size === 0) return [];
    const kept = rows.filter((row) => !gone.has(row)).map((row) => contentOf(text(row['said'])));
    const hashes = new Set([...kept, ...needed].flatMap(blobsOf).map(({ sha256 }) => sha256));
    for (const row of gone)
      this.#state.attempt(() =>
        database
          .prepare('DELETE FROM content WHERE kind = ? AND name = ? AND sha256 = ?')
          .run(text(row['kind']), text(row['name']), text(row['sha256'])),
      );
    await this.#files.collect(hashes);
    return [...gone]
      .flatMap((row) => blobsOf(contentOf(text(row['said']))))
      .filter(({ sha256 }) => !hashes.has(sha256));
  }
}

function contentOf(said: string): Content {
  const value: unknown = JSON.parse(said);
  if (Check(content, value)) return value;
  throw new WeirError(
    'STATE_UNUSABLE',
    'the database of the orchestrator has content that is none',
  );
}
