/**
 * The block list of a node: durable first, then in force wherever it is enforced, then answered. What its fleet
 * decided and what lists say is enforced with it (`block-sources.ts`).
 *
 * ```
 * request ─► state.db ───────┬─► kernel maps      (shield.ts)
 * fleet ─► decisions.db ─────┼─► every worker     (supervisor.ts)  ─► answer: version, workers, kernel
 * lists ─► lists/ ───────────┘
 * ```
 */
import type {
  BlockAction,
  BlockAnswer,
  BlockEntry,
  BlockImport,
  BlockImportAnswer,
  BlockList,
  BlockPage,
  BlockRemoveAnswer,
  BlockRequest,
  BlockSeen,
  NodeStatus,
} from '#admin/control.ts';
import { wallMs } from '#core/clock.ts';
import { WeirError } from '#core/errors.ts';
import type { Change, FleetBlock } from '#decisions/enforced-decisions.ts';
import type { ListChange, ListedBlock, ListedBlocks } from '#feeds/listed-blocks.ts';
import type { BlockHit } from '#proxy/block-hits.ts';
import type { BlockRow, BlockStore } from '#state/block-store.ts';
import type { Logger } from '#telemetry/log.ts';
import {
  canonicalTarget,
  entryOf,
  fleetEntryOf,
  kernelItems,
  listedEntryOf,
} from './block-entries.ts';
import { canonicalTargets, importSliceEntries, unknownTargets } from './block-import.ts';
import { BlockSightings } from './block-sightings.ts';
import { BlockSources, type FleetBlocks } from './block-sources.ts';
import type { BlockItem } from './ipc.ts';
import { type ListKind, ListRoom } from './list-room.ts';
import type { Shield } from './shield.ts';
import type { Supervisor } from './supervisor.ts';

export type NodeBlocksOptions = {
  readonly store: BlockStore;
  /** Null where the node is in no fleet. */
  readonly fleet: FleetBlocks | null;
  readonly lists: ListedBlocks | null;
  readonly version: number;
  readonly supervisor: Pick<Supervisor, 'changeBlocks' | 'setDegraded'>;
  readonly shield: Pick<Shield, 'changeBlocks' | 'hits' | 'sizes'>;
  readonly log: Logger;
};

/** Where a change is in force. */
export type BlocksLive = {
  readonly version: number;
  readonly workers: number;
  readonly kernel: boolean;
};

export class NodeBlocks {
  readonly #options: NodeBlocksOptions;
  readonly #sightings: BlockSightings;
  readonly #room: ListRoom;
  #sources: BlockSources;
  version: number;
  /** Told of each change that is in force. */
  onEnforced: ((targets: readonly string[]) => void) | null = null;

  constructor(options: NodeBlocksOptions) {
    this.#options = options;
    this.#sources = new BlockSources(options.store, options.fleet, options.lists);
    this.#sightings = new BlockSightings(options.log);
    this.#room = new ListRoom(options.shield.sizes, this.#sources.counts());
    this.#room.leaveOut(this.#sources.count === 0 ? [] : this.#sources.items(wallMs()));
    this.version = options.version;
  }

  get #store(): BlockStore {
    return this.#sources.store;
  }

  /** After a successor that did not get there. */
  reopen(store: BlockStore, fleet: FleetBlocks | null): void {
    // What lists say was not closed: only files are.
    this.#sources = new BlockSources(store, fleet, this.#sources.lists);
  }

  get lists(): ListedBlocks | null {
    return this.#sources.lists;
  }

  /** By kind. */
  get counts(): Readonly<Record<ListKind, number>> {
    return this.#room.counts;
  }

  /** Of the node and its fleet, each target once. */
  get count(): number {
    return this.#sources.count;
  }

  status(): NodeStatus['blocks'] {
    const fleet = this.#sources.fleet?.count ?? 0;
    return { count: this.count, version: this.version, fleet };
  }

  items(): { version: number; items: BlockItem[] } {
    return { version: this.version, items: this.#sources.items(wallMs()) };
  }

  /** The node's own first, then the fleet's, then what lists say: a target that two name is there twice. */
  async list({ limit, after }: BlockPage): Promise<BlockList> {
    const { fleet, lists } = this.#sources;
    let cursor: Cursor | null = readCursor(after);
    let rows: BlockRow[] = [];
    let blocks: readonly FleetBlock[] = [];
    let listed: readonly ListedBlock[] = [];
    if (cursor.part === 'own') {
      rows = this.#store.page(cursor.row, limit);
      const last = rows.length < limit ? undefined : rows.at(-1);
      cursor = last === undefined ? { part: 'fleet', number: 0 } : { part: 'own', row: last };
    }
    if (cursor.part === 'fleet') {
      const page = fleet?.page(cursor.number, limit - rows.length) ?? noPage;
      blocks = page.blocks;
      cursor =
        page.next === null ? { part: 'lists', number: 0 } : { part: 'fleet', number: page.next };
    }
    if (cursor.part === 'lists') {
      const page = lists?.page(cursor.number, limit - rows.length - blocks.length) ?? noPage;
      listed = page.blocks;
      cursor = page.next === null ? null : { part: 'lists', number: page.next };
    }
    return {
      version: this.version,
      count: this.count,
      entries: await this.#entries(rows, blocks, listed),
      next: cursor === null ? null : cursorText(cursor),
    };
  }

  /** The one that holds, without what was seen of it. */
  find(target: string): BlockEntry | null {
    const unseen = { packets: null, connections: null, lastSeen: null };
    const row = this.#store.find(target);
    const block = this.#sources.fleet?.find(target) ?? null;
    const listed = this.#sources.lists?.find(target) ?? null;
    if (block === null && listed === null) return row === null ? null : entryOf(row, unseen);
    const held = this.#sources.itemOf(target, wallMs());
    const holds = (one: BlockItem | null): boolean =>
      one?.action === held?.action && one?.expiresAtMs === held?.expiresAtMs;
    if (row !== null && holds(row)) return entryOf(row, unseen);
    if (block !== null && (holds(block) || listed === null)) return fleetEntryOf(block, unseen);
    return listed === null ? null : listedEntryOf(listed, unseen);
  }

  /** What workers met. */
  note(hits: readonly BlockHit[]): void {
    this.#sightings.note(hits);
  }

  async add(request: BlockRequest): Promise<BlockAnswer> {
    const target = canonicalTarget(request.target);
    const now = wallMs();
    const expiresAtMs = request.ttlSeconds === null ? null : now + request.ttlSeconds * 1_000;
    const { reason, origin, action = 'drop' } = request;
    const row: BlockRow = { target, reason, origin, createdAtMs: now, expiresAtMs, action };
    const isNew = this.#store.find(target) === null;
    const taken = this.#hasRoom(target) ? [] : [target];
    this.#room.take(taken);
    // Durable first: an answer is a promise that outlives the process.
    this.#givingBack(taken, () => this.#store.put(row));
    if (isNew) this.#sources.noteAdded([target]);
    return this.#publish(target, row);
  }

  /** `checkMayGoOn` throws when no change may be made any more. */
  async import(request: BlockImport, checkMayGoOn: () => void): Promise<BlockImportAnswer> {
    const { reason, origin, action, ttlSeconds } = request;
    const targets = await canonicalTargets(request.targets);
    const fresh = await unknownTargets(targets, (target) => this.#store.find(target) !== null);
    checkMayGoOn();
    this.#store.checkRoom(fresh.length);
    this.#room.take(fresh.filter((target) => !this.#hasRoom(target)));
    const createdAtMs = wallMs();
    const expiresAtMs = ttlSeconds === null ? null : createdAtMs + ttlSeconds * 1_000;
    let live = { version: this.version, workers: 0, kernel: false };
    let isReserved = true;
    try {
      for (let at = 0; at < targets.length; at += importSliceEntries) {
        checkMayGoOn();
        const slice = targets.slice(at, at + importSliceEntries);
        const added = slice.filter((target) => this.#store.find(target) === null);
        this.#store.putAll(
          slice.map(
            (target): BlockRow => ({ target, reason, origin, createdAtMs, expiresAtMs, action }),
          ),
        );
        this.#sources.noteAdded(added);
        live = await this.#enforce(slice);
      }
      isReserved = false;
    } finally {
      // What was not taken has no room reserved; what was, is counted anew.
      if (isReserved) this.#room.recount(this.#sources.counts(), this.#sources.items(wallMs()));
    }
    this.#options.log.info({ entries: targets.length, action }, 'blocks imported');
    const renewed = targets.length - fresh.length;
    const expiresAt = timeText(expiresAtMs);
    return { action, added: fresh.length, renewed, count: this.count, ...live, expiresAt };
  }

  async remove(text: string): Promise<BlockRemoveAnswer> {
    const target = canonicalTarget(text);
    const removed = this.#store.remove(target);
    if (removed) this.#forget(this.#sources.noteRemoved([target]));
    const answer = await this.#publish(target, null);
    return { ...answer, removed, fleetIssuer: this.#sources.fleet?.find(target)?.issuer ?? null };
  }

  /**
   * What the fleet decided has changed: in force when this resolves. Only what is new says so in `Change`: after a
   * start all of it is enforced already.
   */
  async changeFleet(change: Change): Promise<BlocksLive> {
    const noted = this.#sources.noteFleet(change);
    return this.#enforceOutside(noted, [
      ...change.remove,
      ...change.add.map(({ target }) => target),
    ]);
  }

  /** What lists say has changed: in force when this resolves. */
  async changeLists(change: ListChange): Promise<BlocksLive> {
    const noted = this.#sources.noteLists(change);
    return this.#enforceOutside(noted, [...change.removed, ...change.added]);
  }

  async #enforceOutside(
    { fresh, gone }: { readonly fresh: string[]; readonly gone: string[] },
    targets: readonly string[],
  ): Promise<BlocksLive> {
    this.#forget(gone);
    for (const target of fresh) this.#takeFresh(target);
    let live = { version: this.version, workers: 0, kernel: false };
    for (let at = 0; at === 0 || at < targets.length; at += importSliceEntries)
      live = await this.#enforce(targets.slice(at, at + importSliceEntries));
    this.#options.supervisor.setDegraded('kernel lists', this.#room.problem);
    return live;
  }

  /** What is challenged alone takes no room, not even from those that come with it. */
  #takeFresh(target: string): void {
    this.#room.takeAll([target]);
    if (this.#sources.itemOf(target, wallMs())?.action === 'challenge') this.#room.setAside(target);
  }

  /** It is in the kernel, or is kept out for want of room. */
  #hasRoom(target: string): boolean {
    return this.#sources.has(target) && !this.#room.isAside(target);
  }

  /** Takes out what has expired. */
  async expire(): Promise<void> {
    const now = wallMs();
    const expired = this.#store.expire(now);
    if (expired.length > 0) this.#forget(this.#sources.noteRemoved(expired));
    const ended = this.#sources.fleet?.expire(now);
    if (ended !== undefined && ended.add.length + ended.remove.length > 0)
      await this.changeFleet(ended);
    const unlisted = this.#sources.lists?.expire(now) ?? [];
    if (unlisted.length > 0) await this.changeLists({ added: [], removed: unlisted });
    const readmitted = this.#room.readmit();
    if (readmitted.length > 0)
      this.#options.supervisor.setDegraded('kernel lists', this.#room.problem);
    const targets = [...expired, ...readmitted];
    if (targets.length > 0) await this.#enforce(targets);
    const count = expired.length + (ended?.remove.length ?? 0) + unlisted.length;
    if (count > 0) this.#options.log.info({ expired: count }, 'blocks expired');
  }

  async #publish(
    target: string,
    made: { readonly expiresAtMs: number | null; readonly action: BlockAction } | null,
  ): Promise<BlockAnswer> {
    const live = await this.#enforce([target]);
    const expiresAt = timeText(made?.expiresAtMs ?? null);
    return { target, action: made?.action ?? null, count: this.count, ...live, expiresAt };
  }

  /** As both sources have these targets now. */
  async #enforce(targets: readonly string[]): Promise<BlocksLive> {
    const now = wallMs();
    const add: BlockItem[] = [];
    const remove: string[] = [];
    for (const target of targets) {
      const item = this.#sources.itemOf(target, now);
      if (item === null) remove.push(target);
      else {
        this.#room.follow(item);
        add.push(item);
      }
    }
    const version = ++this.version;
    const [kernel, workers] = await Promise.all([
      this.#options.shield.changeBlocks(
        kernelItems(add).filter(({ target }) => !this.#room.isOutside(target)),
        [...remove, ...onlyChallenged(add)],
      ),
      this.#options.supervisor.changeBlocks(version, add, remove),
    ]);
    this.onEnforced?.(targets);
    return { version, workers, kernel };
  }

  /** Nothing holds these any more. */
  #forget(targets: readonly string[]): void {
    this.#room.give(targets);
    this.#sightings.forget(targets);
  }

  #givingBack(taken: readonly string[], work: () => void): void {
    try {
      work();
    } catch (error) {
      for (const target of taken)
        if (this.#sources.has(target)) this.#room.setAside(target);
        else this.#room.give([target]);
      throw error;
    }
  }

  async #entries(
    rows: readonly BlockRow[],
    blocks: readonly FleetBlock[],
    listed: readonly ListedBlock[],
  ): Promise<BlockEntry[]> {
    const kernel = await this.#options.shield.hits(
      [...rows, ...blocks, ...listed].map(({ target }) => target),
      this.count,
    );
    const seenOf = (target: string): BlockSeen => {
      const counted = kernel?.get(target) ?? null;
      const seen = this.#sightings.of(target);
      const lastMs = Math.max(counted?.lastSeenMs ?? 0, seen?.lastMs ?? 0);
      return {
        packets: counted?.packets ?? null,
        connections: seen?.connections ?? null,
        lastSeen: lastMs === 0 ? null : new Date(lastMs).toISOString(),
      };
    };
    return [
      ...rows.map((row) => entryOf(row, seenOf(row.target))),
      ...blocks.map((block) => fleetEntryOf(block, seenOf(block.target))),
      ...listed.map((block) => listedEntryOf(block, seenOf(block.target))),
    ];
  }
}

/** They may have been dropped until now. */
const onlyChallenged = (items: readonly BlockItem[]): string[] =>
  items.flatMap(({ target, action }) => (action === 'challenge' ? [target] : []));

const timeText = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms).toISOString();

type Cursor =
  | { readonly part: 'own'; readonly row: Pick<BlockRow, 'createdAtMs' | 'target'> | null }
  | { readonly part: 'fleet' | 'lists'; readonly number: number };

const noPage = { blocks: [], next: null };

/** `next` of the page before: the time and the target of its last entry, or a number of the fleet's or of lists. */
function readCursor(text: string | null): Cursor {
  if (text === null) return { part: 'own', row: null };
  const [, time, target] = /^(\d{1,15})\/(.+)$/.exec(text) ?? [];
  if (time !== undefined && target !== undefined)
    return { part: 'own', row: { createdAtMs: Number(time), target } };
  const [, part, number] = /^(fleet|lists)\/(\d{1,15})$/.exec(text) ?? [];
  if (part === 'fleet' || part === 'lists') return { part, number: Number(number) };
  throw new WeirError('BLOCK_CURSOR_INVALID', `"${text}" is not the "next" of a page`);
}

const cursorText = (cursor: Cursor): string =>
  cursor.part === 'own'
    ? `${cursor.row?.createdAtMs ?? 0}/${cursor.row?.target ?? ''}`
    : `${cursor.part}/${cursor.number}`;
