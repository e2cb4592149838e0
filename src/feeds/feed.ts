/**
 * One feed: asked for again and again, read whole or not at all, and put on the block list by difference.
 *
 * ```
 * due ─► file or url ─► unchanged? ─► checksum ─► entries ─► guard ─► list replaced ─► in force ─► kept on disk
 *           │               └► its life begins anew   │ a bad line, too many, none: nothing changes
 *           └ cannot be had: nothing changes ─────────┴─► status says why; tried again
 * ```
 *
 * What was loaded stays until `ttlSeconds` after the last good look, over restarts as well. Entries carry no end of
 * their own: a list of a hundred thousand that is found unchanged each hour is not enforced anew each hour.
 */
import { readFile } from 'node:fs/promises';
import type { FeedSettings } from '#config/feed-schema.ts';
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import type { Cidr } from '#core/ip.ts';
import type { Logger } from '#telemetry/log.ts';
import { type FeedEntries, readFeedEntries } from './feed-entries.ts';
import type { FeedCounts } from './feed-metrics.ts';
import { fetchFeed } from './fetch-feed.ts';
import { sha256Of } from './list-file.ts';
import type { LeftOut, ListGuard } from './list-guard.ts';
import type { ListFacts, ListTerm } from './listed-blocks.ts';
import { readMmdbEntries } from './mmdb-entries.ts';
import { type FileMark, readFeedFile } from './read-feed-file.ts';

/** What a feed needs of the node that follows it. */
export interface FeedLists {
  /** The list of an origin is these from now on, in force and kept when this resolves; how many changed. */
  replace(
    origin: string,
    entries: ReadonlyMap<string, ListTerm>,
    facts: ListFacts,
  ): Promise<{ readonly added: number; readonly removed: number }>;
  /** The list is as it was, and what is known of it is this. */
  touch(origin: string, facts: ListFacts): Promise<void>;
  remove(origin: string): Promise<void>;
  sizeOf(origin: string): number;
  setDegraded(part: string, reason: string | null): void;
}

export type FeedStatus = {
  readonly name: string;
  readonly source: string;
  readonly format: string;
  readonly action: string;
  readonly entries: number;
  /** Of the last list that was read: entries no list may block, and lines that were skipped. */
  readonly leftOut: Readonly<Record<LeftOut, number>>;
  readonly skippedLines: number;
  readonly firstSkipped: string | null;
  /** When it was last found good, changed or not; null for never. */
  readonly checkedAt: string | null;
  readonly nextAt: string | null;
  /** When its entries end if it is not found good again. */
  readonly endsAt: string | null;
  readonly sha256: string | null;
  /** Why the last look failed; null where it did not. */
  readonly problem: string | null;
  readonly isTooOld: boolean;
};

export type FeedOptions = {
  readonly name: string;
  readonly settings: FeedSettings;
  readonly guard: ListGuard;
  readonly lists: FeedLists;
  readonly facts: ListFacts | null;
  readonly counts: FeedCounts;
  readonly log: Logger;
  readonly nowMs?: () => number;
};

const everySecondsDefault = { url: 3_600, file: 5 } as const;
const urlAgeSecondsDefault = 172_800;
/** After a failure it is looked at again no later than this. */
const retryMsMax = 300_000;
/** How late a restart may know that a list was found good; a tenth of its life, where that is less. */
const keepEveryMs = 3_600_000;
/** A file that is bad and stays as it is is read again after this. */
const brokenFileMs = 60_000;
const nothingLeftOut: Readonly<Record<LeftOut, number>> = { private: 0, protected: 0, wide: 0 };

export const originOf = (name: string): string => `feed:${name}`;

export class Feed {
  readonly #options: FeedOptions;
  readonly #origin: string;
  readonly #everyMs: number;
  readonly #ageMsMax: number;
  readonly #nowMs: () => number;
  readonly #ending = new AbortController();
  #facts: ListFacts | null;
  /** In force. */
  #entries: number;
  #mark: FileMark | null = null;
  #readAtMs = 0;
  #keptAtMs: number;
  #guard: ListGuard;
  #leftOut = nothingLeftOut;
  #skipped: { readonly count: number; readonly first: string | null } = { count: 0, first: null };
  #problem: string | null = null;
  #nextAtMs: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: FeedOptions) {
    const { name, settings, facts, guard } = options;
    this.#options = options;
    this.#origin = originOf(name);
    this.#everyMs = (settings.everySeconds ?? everySecondsDefault[this.#kind]) * 1_000;
    this.#ageMsMax =
      (settings.ageSecondsMax ??
        (this.#kind === 'url' ? urlAgeSecondsDefault : Number.POSITIVE_INFINITY)) * 1_000;
    this.#nowMs = options.nowMs ?? wallMs;
    this.#facts = facts;
    this.#keptAtMs = facts?.loadedAtMs ?? 0;
    this.#guard = guard;
    this.#entries = options.lists.sizeOf(this.#origin);
  }

  /** Other ranges are protected: what is on the list is looked at with the next look, whether it has changed or not. */
  guardBy(guard: ListGuard): Promise<FeedStatus> {
    this.#guard = guard;
    this.#mark = null;
    if (this.#facts !== null) this.#facts = { ...this.#facts, etag: null, lastModified: null };
    return this.refresh();
  }

  /** One look, after those before it; the status then. */
  refresh(): Promise<FeedStatus> {
    const done = this.#work.then(() => this.#look());
    this.#work = done.catch(() => {});
    return done.then(() => this.status());
  }

  status(): FeedStatus {
    const { name, settings } = this.#options;
    const checkedAtMs = this.#facts?.loadedAtMs ?? null;
    const entries = this.#entries;
    return {
      name,
      source: settings.url ?? settings.file ?? '',
      format: settings.format,
      action: settings.action,
      entries,
      leftOut: this.#leftOut,
      skippedLines: this.#skipped.count,
      firstSkipped: this.#skipped.first,
      checkedAt: timeText(checkedAtMs),
      nextAt: timeText(this.#nextAtMs),
      endsAt: timeText(entries === 0 || checkedAtMs === null ? null : this.#endsAtMs(checkedAtMs)),
      sha256: this.#facts?.contentSha256 ?? null,
      problem: this.#problem,
      isTooOld: this.#isTooOld(),
    };
  }

  close(): void {
    this.#ending.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#options.lists.setDegraded(this.#part, null);
  }

  get #kind(): 'url' | 'file' {
    return this.#options.settings.url === undefined ? 'file' : 'url';
  }

  get #part(): string {
    return `feed ${this.#options.name}`;
  }

  #endsAtMs(checkedAtMs: number): number {
    return checkedAtMs + this.#options.settings.ttlSeconds * 1_000;
  }

  async #look(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    const { counts, log, name } = this.#options;
    try {
      const result = await this.#load();
      if (this.#ending.signal.aborted) return;
      counts.count(name, result);
      this.#problem = null;
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      counts.count(name, 'failed');
      const reason = describeError(error);
      if (reason !== this.#problem)
        log.warn({ feed: name, reason }, 'feed not loaded, what it said before stays');
      this.#problem = reason;
    }
    await this.#end();
    this.#say();
    this.#later();
    counts.observe(this.status());
  }

  async #load(): Promise<'loaded' | 'unchanged'> {
    const { settings, lists, name, log } = this.#options;
    const content = this.#kind === 'url' ? await this.#fetch() : await this.#read();
    const now = this.#nowMs();
    const kept = this.#facts;
    if (content === null && kept !== null) {
      this.#facts = { ...kept, loadedAtMs: now };
      // The whole list is written with it: not with each look at a file.
      if (now - this.#keptAtMs >= Math.min(settings.ttlSeconds * 100, keepEveryMs)) {
        await lists.touch(this.#origin, this.#facts);
        this.#keptAtMs = now;
      }
      return 'unchanged';
    }
    if (content === null) throw new Error('the server says "unchanged" of what was never fetched');
    const sha256 = sha256Of(content.bytes);
    if (settings.sha256 !== undefined && settings.sha256 !== sha256)
      throw new Error(`its checksum is ${sha256}, and ${settings.sha256} was asked for (sha256)`);
    const read = await entriesOf(content.bytes, settings);
    if (!read.ok) throw new Error(read.reason);
    // A file that somebody emptied says so; an empty answer from afar is a fault more often than a list.
    if (read.entries.size === 0 && this.#kind === 'url') throw new Error('the list is empty');
    const { taken, leftOut } = this.#admit(read.entries, now);
    const facts = {
      loadedAtMs: now,
      etag: content.etag,
      lastModified: content.lastModified,
      contentSha256: sha256,
      terms: termsOf(settings),
    };
    const { added, removed } = await lists.replace(this.#origin, taken, facts);
    this.#entries = taken.size;
    this.#facts = facts;
    this.#keptAtMs = now;
    this.#leftOut = leftOut;
    this.#skipped = { count: read.skipped, first: read.firstSkipped };
    log.info(
      { feed: name, entries: taken.size, added, removed, leftOut, skipped: read.skipped },
      'feed loaded',
    );
    return 'loaded';
  }

  #admit(
    entries: ReadonlyMap<string, Cidr>,
    nowMs: number,
  ): { taken: Map<string, ListTerm>; leftOut: Record<LeftOut, number> } {
    const { settings, name } = this.#options;
    const term: ListTerm = {
      action: settings.action,
      reason: `feed ${name}`,
      atMs: nowMs,
      expiresAtMs: null,
    };
    const leftOut = { ...nothingLeftOut };
    const taken = new Map<string, ListTerm>();
    for (const [target, cidr] of entries) {
      const why = this.#guard.whyNot(cidr);
      if (why === null) taken.set(target, term);
      else leftOut[why]++;
    }
    return { taken, leftOut };
  }

  async #fetch(): Promise<Content | null> {
    const { url = '', ca, allowInternal, bytesMax } = this.#options.settings;
    const pem = ca === undefined ? null : await readFile(ca, 'utf8');
    const isSame = this.#facts?.terms === termsOf(this.#options.settings);
    const { etag, lastModified } = (isSame ? this.#facts : null) ?? noValidators;
    const fetched = await fetchFeed(
      { url, ca: pem, allowInternal, bytesMax },
      { etag, lastModified },
      this.#ending.signal,
    );
    return fetched.kind === 'unchanged' ? null : fetched;
  }

  async #read(): Promise<Content | null> {
    const { file = '', bytesMax } = this.#options.settings;
    const now = this.#nowMs();
    // What was wrong with it may have been the room for it: it is read again, and not each time.
    const isKnown = this.#problem === null || now - this.#readAtMs < brokenFileMs;
    const read = await readFeedFile(file, bytesMax, isKnown ? this.#mark : null);
    this.#mark = read.mark;
    if (read.kind === 'unchanged') {
      if (this.#problem !== null) throw new Error(this.#problem);
      return null;
    }
    this.#readAtMs = now;
    return { bytes: read.bytes, ...noValidators };
  }

  /** Takes the entries out when nothing good was heard for too long. */
  async #end(): Promise<void> {
    const { lists, log, name } = this.#options;
    if (this.#facts === null || this.#entries === 0) return;
    if (this.#nowMs() < this.#endsAtMs(this.#facts.loadedAtMs)) return;
    await lists.remove(this.#origin);
    this.#entries = 0;
    log.warn({ feed: name }, 'feed not had for ttlSeconds: its entries are taken out');
  }

  #isTooOld(): boolean {
    const atMs = this.#kind === 'url' ? this.#facts?.loadedAtMs : this.#mark?.modifiedMs;
    return atMs !== undefined && this.#nowMs() - atMs > this.#ageMsMax;
  }

  #say(): void {
    const { lists, settings } = this.#options;
    const old = this.#isTooOld()
      ? `it is older than ${this.#ageMsMax / 1_000} s (ageSecondsMax)`
      : null;
    const problem =
      this.#problem === null ? null : `${settings.url ?? settings.file ?? ''}: ${this.#problem}`;
    const reasons = [problem, old].filter((reason) => reason !== null);
    lists.setDegraded(this.#part, reasons.length === 0 ? null : reasons.join('; '));
  }

  #later(): void {
    if (this.#ending.signal.aborted) return;
    const now = this.#nowMs();
    const waitMs = this.#problem === null ? this.#everyMs : Math.min(this.#everyMs, retryMsMax);
    const facts = this.#facts;
    const endMs =
      facts === null || this.#entries === 0
        ? Number.POSITIVE_INFINITY
        : this.#endsAtMs(facts.loadedAtMs) - now;
    this.#nextAtMs = now + Math.max(1_000, Math.min(waitMs, endMs));
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), this.#nextAtMs - now);
    this.#timer.unref();
  }
}

type Content = {
  readonly bytes: Buffer;
  readonly etag: string | null;
  readonly lastModified: string | null;
};

const noValidators = { etag: null, lastModified: null } as const;

/** What makes another list of the same content. */
export const termsOf = (settings: FeedSettings): string => {
  const { file, url, format, column, onBadLine, action, allowPrivate, entriesMax } = settings;
  const { countries, networks, of } = settings;
  const ofDatabase = format === 'mmdb' ? [countries, networks, of] : [];
  return JSON.stringify([
    ...[file, url, format, column, onBadLine, action, allowPrivate, entriesMax],
    ...ofDatabase,
  ]);
};

function entriesOf(bytes: Buffer, settings: FeedSettings): Promise<FeedEntries> {
  const { format, column = 1 } = settings;
  return format === 'mmdb'
    ? readMmdbEntries(bytes, settings)
    : readFeedEntries(decode(bytes), { ...settings, format, column });
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is no UTF-8 text');
  }
}

const timeText = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms).toISOString();
