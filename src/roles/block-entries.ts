/** A block as the store keeps it, as workers enforce it, as the management API shows it. */
import type { BlockEntry, BlockSeen } from '#admin/control.ts';
import { WeirError } from '#core/errors.ts';
import { formatCidr, parseCidr } from '#core/ip.ts';
import type { FleetBlock } from '#decisions/enforced-decisions.ts';
import type { ListedBlock } from '#feeds/listed-blocks.ts';
import type { BlockRow } from '#state/block-store.ts';
import type { BlockItem, KernelItem } from './ipc.ts';

/** What of them is for kernels: who is only challenged comes to the workers. */
export const kernelItems = (items: readonly BlockItem[]): KernelItem[] => items.filter(isForKernel);

const isForKernel = (item: BlockItem): item is KernelItem => item.action !== 'challenge';

/** As the node keeps one. */
export const itemOf = ({ target, expiresAtMs, action }: BlockItem): BlockItem => ({
  target,
  expiresAtMs,
  action: action ?? 'drop',
});

export function canonicalTarget(text: string): string {
  const cidr = parseCidr(text);
  if (cidr === null) {
    throw new WeirError(
      'BLOCK_TARGET_INVALID',
      `"${text}" is not an address or CIDR range (192.0.2.1, 192.0.2.0/24, 2001:db8::/32)`,
    );
  }
  return formatCidr(cidr);
}

export function entryOf(row: BlockRow, seen: BlockSeen): BlockEntry {
  return {
    target: row.target,
    scope: 'node',
    issuer: null,
    action: row.action,
    reason: row.reason,
    origin: row.origin,
    createdAt: new Date(row.createdAtMs).toISOString(),
    expiresAt: row.expiresAtMs === null ? null : new Date(row.expiresAtMs).toISOString(),
    ...seen,
  };
}

export function fleetEntryOf(block: FleetBlock, seen: BlockSeen): BlockEntry {
  return {
    target: block.target,
    scope: 'fleet',
    issuer: block.issuer,
    action: block.action,
    reason: block.reason,
    origin: block.origin,
    createdAt: new Date(block.atMs).toISOString(),
    expiresAt: new Date(block.expiresAtMs).toISOString(),
    ...seen,
  };
}

export function listedEntryOf(block: ListedBlock, seen: BlockSeen): BlockEntry {
  return {
    target: block.target,
    scope: 'node',
    issuer: null,
    action: block.action,
    reason: block.reason,
    origin: block.origin,
    createdAt: new Date(block.atMs).toISOString(),
    expiresAt: block.expiresAtMs === null ? null : new Date(block.expiresAtMs).toISOString(),
    ...seen,
  };
}
