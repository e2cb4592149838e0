/**
 * Whether an entry that is on the block list keeps an automatic one from taking its place: nothing automatic shortens
 * what somebody else decided, and nothing automatic turns into a drop what a person wants only watched.
 */
import type { BlockEntry } from '#admin/control.ts';

/** `watched`: it says to let the address in and to count; `longer`: it drops for as long as that, or longer. */
export function standingEntry(
  known: Pick<BlockEntry, 'action' | 'expiresAt'> | null,
  untilMs: number,
): 'watched' | 'longer' | null {
  if (known === null) return null;
  if (known.action === 'monitor') return 'watched';
  // Who is only challenged gets in.
  if (known.action === 'challenge') return null;
  return known.expiresAt === null || Date.parse(known.expiresAt) >= untilMs ? 'longer' : null;
}
