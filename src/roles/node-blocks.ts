/**
 * The block list of a node: durable first, then in force wherever it is enforced, then answered.
 *
 * ```
 * request ─► state.db ─┬─► kernel maps      (shield.ts)
 *                      └─► every worker     (supervisor.ts)  ─► answer: version, workers, kernel
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
  BlockRequest,
} from '#admin/control.ts';
import { wallMs } from '#core/clock.ts';
import { WeirError } from '#core/errors.ts';
import type { BlockHit } from '#proxy/block-hits.ts';
import type { BlockRow, BlockStore } from '#state/block-store.ts';
import type { Logger } from '#telemetry/log.ts';
import { blockItems, canonicalTarget, entryOf, itemOf } from './block-entries.ts';
import { canonicalTargets, importSliceEntries, unknownTargets } from './block-import.ts';
import { BlockSightings } from './block-sightings.ts';
import type { BlockItem } from './ipc.ts';
import { type ListKind, ListRoom } from './list-room.ts';
import type { Shield } from './shield.ts';
import type { Supervisor } from './supervisor.ts';

export type NodeBlocksOptions = {
  readonly store: BlockStore;
  readonly version: number;
  readonly supervisor: Supervisor;
  readonly shield: Shield;
  readonly log: Logger;
};

export class NodeBlocks {
  readonly #supervisor: Supervisor;
  readonly #shield: Shield;
  readonly #log: Logger;
  readonly #sightings: BlockSightings;
  readonly #room: ListRoom;
  #store: BlockStore;
  version: number;

  constructor(options: NodeBlocksOptions) {
    this.#store = options.store;
    this.#supervisor = options.supervisor;
    this.#shield = options.shield;
    this.#log = options.log;
    this.#sightings = new BlockSightings(options.log);
    this.#room = new ListRoom(options.shield.sizes, countsOf(options.store));
    this.version = options.version;
  }

  /** After a successor that did not get there. */
  reopen(store: BlockStore): void {
    this.#store = store;
  }

  /** By kind. */
  get counts(): Readonly<Record<ListKind, number>> {
    return this.#room.counts;
  }

  get count(): number {
    return this.#store.count;
  }

  items(): { version: number; items: BlockItem[] } {
    return blockItems(this.version, this.#store);
  }

  async list({ limit, after }: BlockPage): Promise<BlockList> {
    const rows = this.#store.page(readCursor(after), limit);
    const last = rows.length < limit ? undefined : rows.at(-1);
    return {
      version: this.version,
      count: this.count,
      entries: await this.#entries(rows),
      next: last === undefined ? null : `${last.createdAtMs}/${last.target}`,
    };
  }

  /** Without what was seen of it. */
  find(target: string): BlockEntry | null {
    const row = this.#store.find(target);
    return row === null ? null : entryOf(row, { packets: null, connections: null, lastSeen: null });
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
    const taken = this.#store.find(target) === null ? [target] : [];
    this.#room.take(taken);
    // Durable first: an answer is a promise that outlives the process.
    this.#givingBack(taken, () => this.#store.put(row));
    return this.#publish(target, [itemOf(row)], [], row);
  }

  /** `checkMayGoOn` throws when no change may be made any more. */
  async import(request: BlockImport, checkMayGoOn: () => void): Promise<BlockImportAnswer> {
    const { reason, origin, action, ttlSeconds } = request;
    const targets = await canonicalTargets(request.targets);
    const fresh = await unknownTargets(targets, (target) => this.#store.find(target) !== null);
    checkMayGoOn();
    this.#store.checkRoom(fresh.length);
    this.#room.take(fresh);
    const createdAtMs = wallMs();
    const expiresAtMs = ttlSeconds === null ? null : createdAtMs + ttlSeconds * 1_000;
    let live = { version: this.version, workers: 0, kernel: false };
    let isReserved = true;
    try {
      for (let at = 0; at < targets.length; at += importSliceEntries) {
        checkMayGoOn();
        const rows = targets
          .slice(at, at + importSliceEntries)
          .map(
            (target): BlockRow => ({ target, reason, origin, createdAtMs, expiresAtMs, action }),
          );
        this.#store.putAll(rows);
        live = await this.#enforce(rows.map(itemOf), []);
      }
      isReserved = false;
    } finally {
      // What was not taken has no room reserved; what was, is counted anew.
      if (isReserved) this.#room.recount(countsOf(this.#store));
    }
    this.#log.info({ entries: targets.length, action }, 'blocks imported');
    const renewed = targets.length - fresh.length;
    const expiresAt = timeText(expiresAtMs);
    return { action, added: fresh.length, renewed, count: this.count, ...live, expiresAt };
  }

  async remove(text: string): Promise<BlockAnswer & { removed: boolean }> {
    const target = canonicalTarget(text);
    const removed = this.#store.remove(target);
    if (removed) this.#room.give([target]);
    this.#sightings.forget([target]);
    return { ...(await this.#publish(target, [], [target], null)), removed };
  }

  /** Takes out what has expired. */
  async expire(): Promise<void> {
    const expired = this.#store.expire(wallMs());
    if (expired.length === 0) return;
    this.#sightings.forget(expired);
    this.#room.give(expired);
    await Promise.all([
      this.#shield.changeBlocks([], expired),
      this.#supervisor.changeBlocks(++this.version, [], expired),
    ]);
    this.#log.info({ expired: expired.length }, 'blocks expired');
  }

  async #publish(
    target: string,
    add: readonly BlockItem[],
    remove: readonly string[],
    made: { readonly expiresAtMs: number | null; readonly action: BlockAction } | null,
  ): Promise<BlockAnswer> {
    const live = await this.#enforce(add, remove);
    const expiresAt = timeText(made?.expiresAtMs ?? null);
    return { target, action: made?.action ?? null, count: this.count, ...live, expiresAt };
  }

  async #enforce(add: readonly BlockItem[], remove: readonly string[]) {
    const version = ++this.version;
    const [kernel, workers] = await Promise.all([
      this.#shield.changeBlocks(add, remove),
      this.#supervisor.changeBlocks(version, add, remove),
    ]);
    return { version, workers, kernel };
  }

  #givingBack(taken: readonly string[], work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#room.give(taken);
      throw error;
    }
  }

  async #entries(rows: readonly BlockRow[]): Promise<BlockEntry[]> {
    const kernel = await this.#shield.hits(
      rows.map(({ target }) => target),
      this.count,
    );
    return rows.map((row) => {
      const counted = kernel?.get(row.target) ?? null;
      const seen = this.#sightings.of(row.target);
      const lastMs = Math.max(counted?.lastSeenMs ?? 0, seen?.lastMs ?? 0);
      return entryOf(row, {
        packets: counted?.packets ?? null,
        connections: seen?.connections ?? null,
        lastSeen: lastMs === 0 ? null : new Date(lastMs).toISOString(),
      });
    });
  }
}

const timeText = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms).toISOString();

function countsOf(store: BlockStore): Record<ListKind, number> {
  const counts = { ipv4Addresses: 0, ipv6Addresses: 0, ipv4Ranges: 0, ipv6Ranges: 0 };
  for (const { isV6, isRange, count } of store.kinds())
    counts[`ipv${isV6 ? 6 : 4}${isRange ? 'Ranges' : 'Addresses'}`] = count;
  return counts;
}

/** `next` of the page before: the time and the target of its last entry. */
function readCursor(text: string | null): Pick<BlockRow, 'createdAtMs' | 'target'> | null {
  if (text === null) return null;
  const [, time, target] = /^(\d{1,15})\/(.+)$/.exec(text) ?? [];
  if (time === undefined || target === undefined)
    throw new WeirError('BLOCK_CURSOR_INVALID', `"${text}" is not the "next" of a page`);
  return { createdAtMs: Number(time), target };
}
