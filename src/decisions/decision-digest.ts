/**
 * What a member knows, in 256 sums: two members that know the same have the same sums, and where one differs
 * only the decisions of that bucket have to be looked at.
 *
 * A sum is the exclusive or of 64 bits of each decision's SHA-256: the order of arrival does not matter, and a
 * decision is taken out as it is put in.
 */
import { hash } from 'node:crypto';

export const digestBuckets = 256;

export type DecisionDigest = {
  /** Over all of it: equal roots are equal digests. */
  readonly root: string;
  /** Decisions, tombstones and those in the way among them. */
  readonly count: number;
  /** 256 × 8 bytes, in base64. */
  readonly buckets: string;
  /** By issuer, 8 bytes in hex. */
  readonly issuers: Readonly<Record<string, { readonly count: number; readonly sum: string }>>;
};

/** The bucket is of the target, so that all decisions on one are in one. */
export type DecisionHash = { readonly high: number; readonly low: number };

/** Read from a text of a character a byte: making a Buffer of it takes four times as long as the hash itself. */
export function hashText(text: string): DecisionHash {
  const sum = hash('sha256', text, 'latin1');
  return { high: int32Of(sum, 0), low: int32Of(sum, 4) };
}

const int32Of = (text: string, at: number): number =>
  (text.charCodeAt(at) << 24) |
  (text.charCodeAt(at + 1) << 16) |
  (text.charCodeAt(at + 2) << 8) |
  text.charCodeAt(at + 3);

/** FNV-1a over the characters: any spread will do. */
export function bucketOf(target: string): number {
  let state = 0x811c9dc5;
  for (let index = 0; index < target.length; index++)
    state = Math.imul(state ^ target.charCodeAt(index), 0x01000193);
  return (state ^ (state >>> 8) ^ (state >>> 16) ^ (state >>> 24)) & 255;
}

export class DigestSums {
  readonly #sums = new Int32Array(digestBuckets * 2);
  readonly #issuers = new Map<string, { count: number; high: number; low: number }>();
  #count = 0;

  /** Takes the decision out where it is in. */
  toggle(
    bucket: number,
    { issuer, high, low }: DecisionHash & { readonly issuer: string },
    change: 1 | -1,
  ): void {
    this.#sums[bucket * 2] = (this.#sums[bucket * 2] as number) ^ high;
    this.#sums[bucket * 2 + 1] = (this.#sums[bucket * 2 + 1] as number) ^ low;
    this.#count += change;
    const of = this.#issuers.get(issuer) ?? { count: 0, high: 0, low: 0 };
    of.count += change;
    of.high ^= high;
    of.low ^= low;
    if (of.count === 0) this.#issuers.delete(issuer);
    else this.#issuers.set(issuer, of);
  }

  digest(): DecisionDigest {
    const buckets = Buffer.alloc(digestBuckets * 8);
    this.#sums.forEach((sum, index) => {
      buckets.writeInt32BE(sum, index * 4);
    });
    const issuers = [...this.#issuers]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([issuer, { count, high, low }]) => {
        const sum = Buffer.alloc(8);
        sum.writeInt32BE(high, 0);
        sum.writeInt32BE(low, 4);
        return [issuer, { count, sum: sum.toString('hex') }] as const;
      });
    return {
      root: hash('sha256', buckets, 'hex'),
      count: this.#count,
      buckets: buckets.toString('base64'),
      issuers: Object.fromEntries(issuers),
    };
  }
}

/** The buckets in which two members differ; all of them where the other's digest is none. */
export function differingBuckets(own: string, other: string): number[] {
  const ours = Buffer.from(own, 'base64');
  const theirs = Buffer.from(other, 'base64');
  const all = Array.from({ length: digestBuckets }, (_, bucket) => bucket);
  if (theirs.length !== ours.length) return all;
  return all.filter(
    (bucket) => ours.compare(theirs, bucket * 8, bucket * 8 + 8, bucket * 8, bucket * 8 + 8) !== 0,
  );
}
