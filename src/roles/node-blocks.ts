/**
 * The block list of a node: durable first, then in force wherever it is enforced, then answered.
 *
 * ```
 * request ─► state.db ─┬─► kernel maps      (shield.ts)
 *                      └─► every worker     (supervisor.ts)  ─► answer: version, workers, kernel
 * ```
 */
import type { BlockAnswer, BlockEntry, BlockList, BlockRequest } from '#admin/control.ts';
import { wallMs } from '#core/clock.ts';
import type { BlockStore } from '#state/block-store.ts';
import type { Logger } from '#telemetry/log.ts';
import { blockItems, canonicalTarget, entryOf } from './block-entries.ts';
import type { BlockItem } from './ipc.ts';
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
  #store: BlockStore;
  version: number;

  constructor(options: NodeBlocksOptions) {
    this.#store = options.store;
    this.#supervisor = options.supervisor;
    this.#shield = options.shield;
    this.#log = options.log;
    this.version = options.version;
  }

  /** After a successor that did not get there. */
  reopen(store: BlockStore): void {
    this.#store = store;
  }

  get count(): number {
    return this.#store.count;
  }

  items(): { version: number; items: BlockItem[] } {
    return blockItems(this.version, this.#store);
  }

  list(): BlockList {
    const entries = this.#store.list().map(entryOf);
    return { version: this.version, count: entries.length, entries };
  }

  find(target: string): BlockEntry | null {
    const row = this.#store.find(target);
    return row === null ? null : entryOf(row);
  }

  async add(request: BlockRequest): Promise<BlockAnswer> {
    const target = canonicalTarget(request.target);
    const now = wallMs();
    const expiresAtMs = request.ttlSeconds === null ? null : now + request.ttlSeconds * 1_000;
    // Durable first: an answer is a promise that outlives the process.
    this.#store.put({
      target,
      reason: request.reason,
      origin: request.origin,
      createdAtMs: now,
      expiresAtMs,
    });
    return this.#publish(target, [{ target, expiresAtMs }], [], expiresAtMs);
  }

  async remove(text: string): Promise<BlockAnswer & { removed: boolean }> {
    const target = canonicalTarget(text);
    const removed = this.#store.remove(target);
    return { ...(await this.#publish(target, [], [target], null)), removed };
  }

  /** Takes out what has expired. */
  async expire(): Promise<void> {
    const expired = this.#store.expire(wallMs());
    if (expired.length === 0) return;
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
    expiresAtMs: number | null,
  ): Promise<BlockAnswer> {
    const version = ++this.version;
    const [kernel, workers] = await Promise.all([
      this.#shield.changeBlocks(add, remove),
      this.#supervisor.changeBlocks(version, add, remove),
    ]);
    const expiresAt = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();
    return { target, version, count: this.count, workers, kernel, expiresAt };
  }
}
