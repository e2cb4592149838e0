/**
 * How often workers met each entry of the block list, since the node started: what reached them, because the
 * kernel does not keep it out or was not to. Whom an entry only watches is logged here as well.
 */
import type { BlockHit } from '#proxy/block-hits.ts';
import { blockRowsMax } from '#state/block-store.ts';
import type { Logger } from '#telemetry/log.ts';

export type Sighting = { readonly connections: number; readonly lastMs: number };

/** Of one report of one worker, which come each second; the counts have all of them. */
const linesMax = 10;

export class BlockSightings {
  readonly #log: Logger;
  readonly #seen = new Map<string, { connections: number; lastMs: number }>();

  constructor(log: Logger) {
    this.#log = log;
  }

  note(hits: readonly BlockHit[]): void {
    let lines = 0;
    for (const { target, action, hits: connections, lastMs, address } of hits) {
      const known = this.#seen.get(target);
      if (known !== undefined) {
        known.connections += connections;
        known.lastMs = Math.max(known.lastMs, lastMs);
      } else if (this.#seen.size < blockRowsMax) this.#seen.set(target, { connections, lastMs });
      if (action === 'monitor' && lines++ < linesMax)
        this.#log.info({ target, address, connections }, 'monitored address seen');
    }
    if (lines > linesMax) this.#log.info({ more: lines - linesMax }, 'monitored addresses seen');
  }

  of(target: string): Sighting | null {
    return this.#seen.get(target) ?? null;
  }

  forget(targets: readonly string[]): void {
    for (const target of targets) this.#seen.delete(target);
  }
}
