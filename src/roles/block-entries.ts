/** A block as the store keeps it, as workers enforce it, as the management API shows it. */
import type { BlockEntry, BlockSeen } from '#admin/control.ts';
import { WeirError } from '#core/errors.ts';
import { formatCidr, parseCidr } from '#core/ip.ts';
import type { BlockRow, BlockStore } from '#state/block-store.ts';
import type { BlockItem } from './ipc.ts';

export function blockItems(
  version: number,
  store: BlockStore | null,
): { version: number; items: BlockItem[] } {
  const rows = store?.list() ?? [];
  return { version, items: rows.map(itemOf) };
}

export const itemOf = ({ target, expiresAtMs, action }: BlockRow): BlockItem => ({
  target,
  expiresAtMs,
  action,
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
    action: row.action,
    reason: row.reason,
    origin: row.origin,
    createdAt: new Date(row.createdAtMs).toISOString(),
    expiresAt: row.expiresAtMs === null ? null : new Date(row.expiresAtMs).toISOString(),
    ...seen,
  };
}
