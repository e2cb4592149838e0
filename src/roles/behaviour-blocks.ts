/**
 * What behaviour says is to be blocked becomes an entry of the block list, as one that a person made, with the origin
 * `behaviour`: of this node, or decided for the fleet. Who is protected is not; an entry that lasts longer, or that
 * only watches, stays as it is (`standing-entry.ts`); and there are so many a minute and no more.
 */
import type { BlockEntry, BlockRequest } from '#admin/control.ts';
import type { FleetControl } from '#admin/fleet-control.ts';
import type { BehaviourOrder } from '#behaviour/behaviour.ts';
import type { BehaviourSettings } from '#config/behaviour-schema.ts';
import type { Config } from '#config/schema.ts';
import { monotonicMs, wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { type Cidr, cidrContains, parseCidr } from '#core/ip.ts';
import type { Logger } from '#telemetry/log.ts';
import type { MetricFamily, MetricRegistry } from '#telemetry/metrics.ts';
import { RateGate } from '#wasm/services/rate-gate.ts';
import { protectedRanges } from './protected-addresses.ts';
import { standingEntry } from './standing-entry.ts';

export type BehaviourNode = {
  readonly config: Config;
  readonly fleet: Pick<FleetControl, 'addBlock'>;
  findBlock(target: string): BlockEntry | null;
  addBlock(request: BlockRequest): Promise<unknown>;
};

export const blocksAMinuteMax = 1_000;
const origin = 'behaviour';

export const behaviourBlockFamilies = {
  blocks: {
    name: 'weir_behaviour_blocks_total',
    type: 'counter',
    help: 'Addresses that behaviour wanted blocked, by why and by what became of it.',
  },
} as const satisfies Record<string, MetricFamily>;

type Result = 'blocked' | 'monitored' | 'protected' | 'standing' | 'watched' | 'budget' | 'failed';

export class BehaviourBlocks {
  readonly #registry: MetricRegistry;
  readonly #log: Logger;
  readonly #gate: RateGate;
  /** Since the node started. */
  made = 0;

  constructor(registry: MetricRegistry, log: Logger, nowMs: () => number = monotonicMs) {
    this.#registry = registry;
    this.#log = log;
    this.#gate = new RateGate(blocksAMinuteMax, 60_000, nowMs);
  }

  async block(
    node: BehaviourNode,
    { mode, scope }: Pick<BehaviourSettings, 'mode' | 'scope'>,
    order: BehaviourOrder,
  ): Promise<void> {
    const { target, seconds: ttlSeconds, reason } = order;
    const result = this.#refusal(node, mode, order);
    if (result !== null) {
      this.#count(order, result);
      if (result === 'monitored' || result === 'watched')
        this.#log.info({ target, ttlSeconds, why: reason, result }, 'behaviour would block');
      return;
    }
    try {
      if (scope === 'fleet')
        await node.fleet.addBlock({
          target,
          action: 'drop',
          ttlSeconds,
          reason,
          origin,
          waitMs: 0,
        });
      else await node.addBlock({ target, action: 'drop', ttlSeconds, reason, origin });
      this.made++;
      this.#count(order, 'blocked');
      this.#log.info({ target, ttlSeconds, why: reason }, 'blocked by behaviour');
    } catch (error) {
      this.#count(order, 'failed');
      this.#log.error({ target, reason: describeError(error) }, 'behaviour cannot block');
    }
  }

  #refusal(
    node: BehaviourNode,
    mode: BehaviourSettings['mode'],
    { target, seconds }: BehaviourOrder,
  ): Result | null {
    const range = parseCidr(target);
    if (range === null) return 'failed';
    if (protectedRanges(node.config).some((one) => overlaps(one, range))) return 'protected';
    const standing = standingEntry(node.findBlock(target), wallMs() + seconds * 1_000);
    if (standing !== null) return standing === 'watched' ? 'watched' : 'standing';
    if (mode === 'monitor') return 'monitored';
    return this.#gate.take(origin) ? null : 'budget';
  }

  #count({ why }: BehaviourOrder, result: Result): void {
    const { name, help } = behaviourBlockFamilies.blocks;
    this.#registry.counter(name, help, { why, result }).value++;
  }
}

const overlaps = (a: Cidr, b: Cidr): boolean => cidrContains(a, b) || cidrContains(b, a);
