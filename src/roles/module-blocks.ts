/**
 * What a module's `block_address` becomes: an entry of the block list like one that a person made, durable
 * and in force in every worker, with the module as its origin.
 *
 * Workers have looked at the address already; it is looked at again here, because a reload may have been
 * between. An entry that lasts longer stays as it is: a module never shortens what somebody else decided.
 */
import type { BlockEntry, BlockRequest } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#telemetry/log.ts';
import type { BlockOrder } from '#wasm/services/block-requests.ts';
import { protectedAddresses } from './protected-addresses.ts';

export type BlockingNode = {
  readonly config: Config;
  findBlock(target: string): BlockEntry | null;
  addBlock(request: BlockRequest): Promise<unknown>;
};

export async function blockForModule(
  node: BlockingNode,
  { module, address, ttlSeconds, reason }: BlockOrder,
  log: Logger,
): Promise<void> {
  if (protectedAddresses(node.config).lookup(address) !== undefined) return;
  const known = node.findBlock(address);
  if (known !== null && outlasts(known, wallMs() + ttlSeconds * 1_000)) return;
  try {
    await node.addBlock({ target: address, ttlSeconds, reason, origin: `module:${module}` });
    log.info({ module, target: address, ttlSeconds, why: reason }, 'blocked by a module');
  } catch (error) {
    log.error({ module, target: address, reason: describeError(error) }, 'module cannot block');
  }
}

const outlasts = ({ expiresAt }: BlockEntry, untilMs: number): boolean =>
  expiresAt === null || Date.parse(expiresAt) >= untilMs;
