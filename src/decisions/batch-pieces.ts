/**
 * Batches for a member that lacks them, in pieces of bounded size: those of the buckets in which two members
 * differ, or all of them for one that joins.
 *
 * A piece goes on after the last batch of the one before it, in the order of issuers and sequence numbers; what
 * comes in between, before that place, is for the next comparison to find.
 */
import { assert } from '#core/assert.ts';
import type { BatchKey } from './decision-database.ts';
import { digestBuckets } from './decision-digest.ts';
import type { BatchRef, DecisionMap } from './decision-map.ts';

export type PieceQuery = {
  /** Null for all. */
  readonly buckets: readonly number[] | null;
  /** `next` of the piece before; null for the first. */
  readonly after: string | null;
  /** What the asker has, by `markOf`, and need not be sent. */
  readonly known?: ReadonlySet<string>;
  readonly bytesMax: number;
};

export type Piece = {
  readonly batches: readonly Uint8Array[];
  /** Null with the last one. */
  readonly next: string | null;
};

export function batchPiece(
  { buckets, after, known, bytesMax }: PieceQuery,
  map: DecisionMap,
  all: ReadonlyMap<string, BatchRef>,
  read: (key: BatchKey) => Uint8Array | null,
): Piece {
  const from = after === null ? null : placeOf(after);
  const rest = batchesOf(map, all, buckets)
    .filter((batch) => from === null || comparePlaces(batch, from) > 0)
    .sort(comparePlaces);
  const batches: Uint8Array[] = [];
  let bytes = 0;
  let last: string | null = null;
  for (const key of rest) {
    if (known?.has(markOf(key))) continue;
    const batch = read(key);
    assert(batch !== null, 'a batch that counts is on disk');
    // The first one always: a piece that carries nothing would be asked for again.
    if (batches.length > 0 && bytes + batch.length > bytesMax) return { batches, next: last };
    batches.push(batch);
    bytes += batch.length;
    last = idOf(key);
  }
  return { batches, next: null };
}

export const idOf = ({ issuer, sequence, digest }: BatchKey): string =>
  `${issuer}/${sequence}/${digest}`;

/**
 * A batch in as few characters as tell it from another. Whoever would make two with the same mark has to try 2^32 of its
 * own, and has then hidden one from those who have the other.
 */
const markOf = ({ digest }: BatchKey): string => digest.slice(0, 16);

/** The marks of batches with something in these buckets; of more than `most`, those with the most decisions. */
export function batchMarks(
  map: DecisionMap,
  all: ReadonlyMap<string, BatchRef>,
  buckets: readonly number[] | null,
  most: number,
): string[] {
  const found = batchesOf(map, all, buckets);
  if (found.length > most) found.sort((a, b) => b.count - a.count);
  return found.slice(0, most).map(markOf);
}

/** With something in these buckets. Of half of them or more that is as good as all, and costs no look at each entry. */
function batchesOf(
  map: DecisionMap,
  all: ReadonlyMap<string, BatchRef>,
  buckets: readonly number[] | null,
): BatchRef[] {
  if (buckets === null || buckets.length * 2 >= digestBuckets)
    return [...all.values()].filter(({ live }) => live > 0);
  const found = new Set<BatchRef>();
  for (const { batch } of map.entries(buckets)) found.add(batch);
  return [...found];
}

function comparePlaces(a: BatchKey, b: BatchKey): number {
  if (a.issuer !== b.issuer) return a.issuer < b.issuer ? -1 : 1;
  if (a.sequence !== b.sequence) return a.sequence - b.sequence;
  return a.digest === b.digest ? 0 : a.digest < b.digest ? -1 : 1;
}

/** Of a text that came from another member: one that says nothing begins at the beginning. */
function placeOf(text: string): BatchKey {
  const [issuer = '', sequence = '', digest = ''] = text.split('/');
  return { issuer, sequence: Number(sequence), digest };
}
