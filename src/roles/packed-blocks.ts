/**
 * Entries of the block list on their way between processes: those in a row that are alike but for the target are said
 * once, with their targets in one text.
 *
 * ```
 * { 192.0.2.1, drop, t } { 192.0.2.2, drop, t } ─► { drop, t, "192.0.2.1 192.0.2.2" }
 * ```
 *
 * A fleet may decide a hundred thousand at once. As objects they are six megabytes through the pipe of each worker, each
 * to be made anew there; so they are one, and the order stays. A canonical target has no space in it.
 */
import type { BlockAction } from '#proxy/block-list.ts';

type Item<A extends BlockAction> = {
  readonly target: string;
  readonly expiresAtMs: number | null;
  readonly action?: A;
};

export type PackedBlocks<A extends BlockAction> = readonly {
  readonly action: A | 'drop';
  readonly expiresAtMs: number | null;
  readonly targets: string;
}[];

export function packBlocks<A extends BlockAction>(items: readonly Item<A>[]): PackedBlocks<A> {
  const packed: PackedBlocks<A>[number][] = [];
  let targets: string[] = [];
  for (const [at, item] of items.entries()) {
    const { expiresAtMs } = item;
    const action = actionOf(item);
    targets.push(item.target);
    const next = items[at + 1];
    if (next?.expiresAtMs === expiresAtMs && actionOf(next) === action) continue;
    packed.push({ action, expiresAtMs, targets: targets.join(' ') });
    targets = [];
  }
  return packed;
}

export function unpackBlocks<A extends BlockAction>(packed: PackedBlocks<A>): Item<A | 'drop'>[] {
  return packed.flatMap(({ action, expiresAtMs, targets }) =>
    targets.split(' ').map((target) => ({ target, expiresAtMs, action })),
  );
}

const actionOf = <A extends BlockAction>({ action }: Item<A>): A | 'drop' => action ?? 'drop';
