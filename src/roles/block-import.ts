/**
 * A list of targets as blocks, in slices between which other work is done: a million entries take seconds.
 *
 * Everything is checked before anything is changed: each target, and the room for those that are new. After that
 * slice follows slice, each durable and in force before the next; what ends it in between (a full disk, a process
 * killed) leaves the slices before it, which the same import says again without harm.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { WeirError } from '#core/errors.ts';
import { parseCidr } from '#core/ip.ts';

/** Entries between two looks at what else there is to do; one message to each process. */
export const importSliceEntries = 10_000;
/** Bad ones an answer names; it counts them all. */
const badNamedMax = 20;

/** Canonical, each once. Throws BLOCK_TARGET_INVALID with the places of the bad ones, counted from 1. */
export async function canonicalTargets(texts: readonly string[]): Promise<string[]> {
  const targets = new Set<string>();
  const bad: string[] = [];
  let badCount = 0;
  for (const [index, text] of texts.entries()) {
    const cidr = parseCidr(text);
    if (cidr !== null) targets.add(cidr.text);
    else if (badCount++ < badNamedMax)
      bad.push(`entry ${index + 1}: "${text}" is no address and no CIDR range`);
    if (index % importSliceEntries === 0) await nextTurn();
  }
  if (badCount === 0) return [...targets];
  if (badCount > badNamedMax) bad.push(`and ${badCount - badNamedMax} more`);
  throw new WeirError(
    'BLOCK_TARGET_INVALID',
    `${badCount} of ${texts.length} entries are bad, so none was taken`,
    {
      details: bad,
    },
  );
}

/** Those for which `isKnown` is false. */
export async function unknownTargets(
  targets: readonly string[],
  isKnown: (target: string) => boolean,
): Promise<string[]> {
  const unknown: string[] = [];
  for (const [index, target] of targets.entries()) {
    if (!isKnown(target)) unknown.push(target);
    if (index % importSliceEntries === 0) await nextTurn();
  }
  return unknown;
}
