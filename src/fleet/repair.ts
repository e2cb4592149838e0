/**
 * How a member comes to know what it missed: from the others, then from the stream where there is one.
 *
 * ```
 * gap ─► digests of some peers, all at once ──┐
 * a peer says its digest ─────────────────────┴─► differs ─► batches of the buckets that differ, in pieces, without
 *                                                            those this member names as its own already
 *     ─► stream, from the last place: what nobody who is there can tell
 * ```
 *
 * Peers first: most have all of it, and answer in one message. One that stands still costs its own time limit and
 * nobody else's; what is said meanwhile waits, the newest of each member, and is compared then. Batches come from one
 * peer at a time.
 */
import { randomInt } from 'node:crypto';
import { monotonicMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { differingBuckets } from '#decisions/decision-digest.ts';
import type { DecisionLog } from '#decisions/decision-log.ts';
import type { Logger } from '#telemetry/log.ts';
import { type BatchPiece, encodePiece, parsePiece, pieceBytesMax } from './batch-piece.ts';
import type { Bus } from './bus.ts';
import type { BusMessage } from './bus-queue.ts';
import type { FleetState } from './fleet-state.ts';
import type { Intake } from './intake.ts';
import {
  type DigestMessage,
  encodeMessage,
  knownBatchesMax,
  messageBytesMax,
  parseMessage,
} from './messages.ts';
import { StreamCache } from './stream-cache.ts';
import { batchesSubject } from './subjects.ts';

const digestTimeoutMs = 1_500;
const piecesTimeoutMs = 3_000;
/** Of one repair; the next comparison goes on. */
const piecesMax = 2_000;
/** Members asked after a gap; of others the digests are heard. */
const peersAskedMax = 5;
/** Of a digest that all have heard: they do not ask at one time. */
const heardJitterMs = 300;
/** What was refused may be taken later, as what is of the future by our clock. */
const fruitlessMs = 30_000;
/** Pieces and digests that are answered; a member that asks more often gets no answer, and asks another. */
export const answersPerSecondMax = 200;

export type RepairOptions = {
  readonly fleet: string;
  readonly self: string;
  readonly bus: Bus;
  readonly log: DecisionLog;
  readonly intake: Intake;
  readonly state: FleetState;
  readonly logger: Logger;
  readonly now: () => number;
  /** Everybody else in the trust file. */
  readonly others: readonly string[];
};

export type RepairCounts = {
  runs: number;
  batchesFetched: number;
  failures: number;
  republished: number;
  /** Not answered: asked more often than `answersPerSecondMax`. */
  unanswered: number;
};

export class Repair {
  readonly #counts = { runs: 0, batchesFetched: 0, failures: 0, unanswered: 0 };
  readonly #options: RepairOptions;
  readonly #stream: StreamCache;
  #running: Promise<void> | null = null;
  #again = false;
  #isClosed = false;
  /** The newest digest of each member that is still to be compared. */
  readonly #waiting = new Map<string, DigestMessage>();
  #comparing: Promise<void> | null = null;
  /** Pairs of roots that a repair did not change: what differs there is not to be had from that peer now. */
  readonly #fruitless = new Map<string, { readonly pair: string; readonly atMs: number }>();
  lastExchangeAtMs: number | null = null;
  #second = 0;
  #answers = 0;

  constructor(options: RepairOptions) {
    this.#options = options;
    this.#stream = new StreamCache(options);
  }

  get counts(): RepairCounts {
    return { ...this.#counts, republished: this.#stream.republished };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stream.close();
    this.#waiting.clear();
    await Promise.all([this.#running, this.#comparing]);
  }

  /** After anything may have been missed. One at a time; a second word makes it go once more. */
  catchUp(): void {
    if (this.#isClosed) return;
    if (this.#running !== null) {
      this.#again = true;
      return;
    }
    this.#running = this.#catchUp().finally(() => {
      this.#running = null;
      if (!this.#again) return;
      this.#again = false;
      this.catchUp();
    });
  }

  /** A peer has said what it knows, to all. */
  compare(said: DigestMessage): void {
    void this.#compare(said, heardJitterMs);
  }

  /** Somebody asks this member. */
  answer({ bytes, reply }: BusMessage): void {
    const { bus, log, self, now } = this.#options;
    if (reply === null) return;
    const asker = askerOf(bytes);
    if (asker === null || !this.#options.others.includes(asker)) return;
    const second = Math.floor(monotonicMs() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#answers = 0;
    }
    if (++this.#answers > answersPerSecondMax) {
      this.#counts.unanswered++;
      return;
    }
    if (parseMessage('askDigest', bytes, asker).ok) {
      const { root, buckets, count } = log.digest();
      const said = { v: 1, node: self, atMs: now(), entries: count, root, buckets } as const;
      bus.respond(reply, encodeMessage('digest', said));
      return;
    }
    const asked = parseMessage('askBatches', bytes, asker);
    if (!asked.ok) return;
    const { buckets, after, known } = asked.message;
    const query = { buckets, after, known: new Set(known), bytesMax: pieceBytesMax };
    bus.respond(reply, encodePiece(log.piece(query)));
  }

  async #catchUp(): Promise<void> {
    this.#counts.runs++;
    const asked = shuffled(this.#options.others).slice(0, peersAskedMax);
    await Promise.all(
      asked.map(async (peer) => {
        const said = await this.#askDigest(peer);
        if (said !== null) await this.#compare(said, 0);
      }),
    );
    if (this.#isClosed) return;
    const news = await this.#stream.read();
    if (news === null) return;
    this.#counts.batchesFetched += news;
    this.lastExchangeAtMs = this.#options.now();
  }

  /** Resolves when everything that waits was compared. */
  #compare(said: DigestMessage, jitterMs: number): Promise<void> {
    if (this.#isClosed || this.#isInStep(said)) return Promise.resolve();
    this.#waiting.set(said.node, said);
    this.#comparing ??= this.#compareAll(jitterMs).finally(() => {
      this.#comparing = null;
    });
    return this.#comparing;
  }

  async #compareAll(jitterMs: number): Promise<void> {
    if (jitterMs > 0)
      await new Promise((resolve) => setTimeout(resolve, randomInt(jitterMs)).unref());
    for (;;) {
      const [said] = this.#waiting.values();
      if (said === undefined) return;
      this.#waiting.delete(said.node);
      // By now another one may have brought it.
      if (this.#isInStep(said)) continue;
      const before = this.#fruitless.get(said.node);
      const isTried = before?.pair === `${this.#options.log.digest().root}/${said.root}`;
      if (isTried && monotonicMs() - before.atMs < fruitlessMs) continue;
      try {
        await this.#fetch(said);
      } catch (error) {
        this.#counts.failures++;
        const reason = describeError(error);
        this.#options.logger.warn({ peer: said.node, reason }, 'repair failed');
      }
    }
  }

  #isInStep(said: DigestMessage): boolean {
    if (said.root !== this.#options.log.digest().root) return false;
    this.lastExchangeAtMs = this.#options.now();
    return true;
  }

  async #askDigest(peer: string): Promise<DigestMessage | null> {
    const { bus, fleet, self } = this.#options;
    const ask = encodeMessage('askDigest', { v: 1, node: self, asks: 'digest' });
    let answer: Uint8Array;
    try {
      ({ bytes: answer } = await bus.request(batchesSubject(fleet, peer), ask, digestTimeoutMs));
    } catch (error) {
      // Most of those who do not answer are not running.
      this.#options.logger.debug({ peer, reason: describeError(error) }, 'peer does not answer');
      return null;
    }
    const said = parseMessage('digest', answer, peer);
    return said.ok ? said.message : null;
  }

  async #fetch(said: DigestMessage): Promise<void> {
    const { log, intake, logger } = this.#options;
    const own = log.digest();
    const differing = differingBuckets(own.buckets, said.buckets);
    if (differing.length === 0) return;
    // All that differ is as much as all there are, in a shorter word.
    const buckets = own.count === 0 ? null : differing;
    let news = 0;
    let coming = this.#askPiece(said.node, buckets, null);
    for (let pieces = 0; pieces < piecesMax && !this.#isClosed; pieces++) {
      const { batches, next } = await coming;
      // The next one is on its way while this one is taken in.
      if (next !== null) coming = this.#askPiece(said.node, buckets, next);
      coming.catch(() => {});
      news += await intake.takeAll(batches);
      if (next === null) break;
    }
    this.#counts.batchesFetched += news;
    this.lastExchangeAtMs = this.#options.now();
    const pair = `${log.digest().root}/${said.root}`;
    if (news === 0) this.#fruitless.set(said.node, { pair, atMs: monotonicMs() });
    else logger.info({ peer: said.node, batches: news, entries: log.entries }, 'fleet caught up');
  }

  async #askPiece(
    peer: string,
    buckets: readonly number[] | null,
    after: string | null,
  ): Promise<BatchPiece> {
    const { bus, fleet, self, log } = this.#options;
    // Anew for each piece: what it asks for may come by another way meanwhile.
    const known = log.known(buckets, knownBatchesMax);
    const ask = {
      v: 1,
      node: self,
      asks: 'batches',
      buckets: buckets && [...buckets],
      known,
      after,
    } as const;
    const { bytes } = await bus.request(
      batchesSubject(fleet, peer),
      encodeMessage('askBatches', ask),
      piecesTimeoutMs,
    );
    const piece = parsePiece(bytes);
    if (piece === null) throw new Error('its piece of batches is malformed');
    return piece;
  }
}

/** Who asks, by its own word: it decides nothing but which shape is looked for. */
function askerOf(bytes: Uint8Array): string | null {
  if (bytes.length > messageBytesMax) return null;
  try {
    const { node } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly node?: unknown };
    return typeof node === 'string' ? node : null;
  } catch {
    return null;
  }
}

function shuffled(list: readonly string[]): string[] {
  const made = [...list];
  for (let at = made.length - 1; at > 0; at--) {
    const other = randomInt(at + 1);
    [made[at], made[other]] = [made[other] as string, made[at] as string];
  }
  return made;
}
