/**
 * What a module's `block_address` becomes: an entry of the block list like one that a person made, durable
 * and in force in every worker, with the module as its origin.
 *
 * Workers have looked at the address already; it is looked at again here, because a reload may have been
 * between, and because the budget of a module is one for the node. An entry that lasts longer, or that only watches,
 * stays as it is (`standing-entry.ts`).
 */
import type { BlockEntry, BlockRequest } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';
import { monotonicMs, wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#telemetry/log.ts';
import type { MetricRegistry } from '#telemetry/metrics.ts';
import { type BlockOrder, blocksAMinuteMax } from '#wasm/services/block-requests.ts';
import { moduleFamilies } from '#wasm/services/module-metrics.ts';
import { RateGate } from '#wasm/services/rate-gate.ts';
import { protectedAddresses } from './protected-addresses.ts';
import { standingEntry } from './standing-entry.ts';

export type BlockingNode = {
  readonly config: Config;
  findBlock(target: string): BlockEntry | null;
  addBlock(request: BlockRequest): Promise<unknown>;
};

export class ModuleBlocks {
  readonly #log: Logger;
  readonly #registry: MetricRegistry;
  readonly #gate = new RateGate(blocksAMinuteMax, 60_000, monotonicMs);

  constructor(registry: MetricRegistry, log: Logger) {
    this.#registry = registry;
    this.#log = log;
  }

  async block(node: BlockingNode, order: BlockOrder): Promise<void> {
    const { module, address: target, ttlSeconds, reason } = order;
    if (protectedAddresses(node.config).lookup(target) !== undefined) return;
    const known = node.findBlock(target);
    const standing = standingEntry(known, wallMs() + ttlSeconds * 1_000);
    if (standing === 'watched') {
      this.#count(module, 'watched');
      this.#log.info({ module, target, why: reason }, 'watched, so not blocked by a module');
    }
    if (standing !== null) return;
    if (!this.#gate.take(module)) {
      this.#count(module, 'node-budget');
      return;
    }
    try {
      await node.addBlock({
        target,
        action: 'drop',
        ttlSeconds,
        reason,
        origin: `module:${module}`,
      });
      this.#log.info({ module, target, ttlSeconds, why: reason }, 'blocked by a module');
    } catch (error) {
      this.#count(module, 'failed');
      this.#log.error({ module, target, reason: describeError(error) }, 'module cannot block');
    }
  }

  #count(module: string, result: 'node-budget' | 'watched' | 'failed'): void {
    const { name, help } = moduleFamilies.blocks;
    this.#registry.counter(name, help, { module, result }).value++;
  }
}
