/**
 * How a member comes to know what it missed: from the stream where there is one, then from the others.
 *
 * ```
 * gap ─► stream, from the last place ─► digest of a peer ─► equal: done
 *                                                       └─► batches of the buckets that differ, in pieces
 * ```
 *
 * The stream is a cache. One that is shorter than what was read of it is another one, or was rolled back: it
 * is read from its beginning, and told again what this member has issued. Nothing is ever taken away because
 * it is not in the stream. Peers are asked one at a time, with jitter, so that ten members coming back at
 * once do not ask one.
 */
import { randomInt } from 'node:crypto';
import { monotonicMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { differingBuckets } from '#decisions/decision-digest.ts';
import type { DecisionLog } from '#decisions/decision-log.ts';
import type { Logger } from '#telemetry/log.ts';
import { encodePiece, parsePiece, pieceBytesMax } from './batch-piece.ts';
import type { Bus } from './bus.ts';
import type { BusMessage } from './bus-queue.ts';
import type { FleetState } from './fleet-state.ts';
import type { Intake } from './intake.ts';
import { catchUpMessagesMax, readStream, streamState } from './jet-stream.ts';
import { type DigestMessage, encodeMessage, parseMessage } from './messages.ts';
import { batchesSubject, decisionsSubject } from './subjects.ts';

const askTimeoutMs = 5_000;
/** Of one repair; the next comparison goes on. */
const piecesMax = 2_000;
/** Members asked after a gap before it is left to the next comparison. */
const peersAskedMax = 5;
/** Messages of the stream read before they are taken in. */
const streamSlice = 64;
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
  readonly counts: RepairCounts = {
    runs: 0,
    batchesFetched: 0,
    failures: 0,
    republished: 0,
    unanswered: 0,
  };
  readonly #options: RepairOptions;
  #running: Promise<void> | null = null;
  #again = false;
  #isClosed = false;
  /** Pairs of roots that a repair did not change: what differs there is not to be had from that peer. */
  readonly #fruitless = new Map<string, string>();
  lastExchangeAtMs: number | null = null;
  #second = 0;
  #answers = 0;

  constructor(options: RepairOptions) {
    this.#options = options;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#running ?? Promise.resolve();
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

  /** A peer has said what it knows. */
  compare(said: DigestMessage): void {
    if (this.#isClosed || this.#running !== null) return;
    const own = this.#options.log.digest();
    if (said.root === own.root) {
      this.lastExchangeAtMs = this.#options.now();
      return;
    }
    if (this.#fruitless.get(said.node) === `${own.root}/${said.root}`) return;
    this.#running = this.#jitter(1_000)
      .then(() => this.#fetch(said))
      .catch((error: unknown) => this.#failed(said.node, error))
      .finally(() => {
        this.#running = null;
        if (!this.#again) return;
        this.#again = false;
        this.catchUp();
      });
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
      this.counts.unanswered++;
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
    const { buckets, after } = asked.message;
    bus.respond(reply, encodePiece(log.piece({ buckets, after, bytesMax: pieceBytesMax })));
  }

  async #catchUp(): Promise<void> {
    this.counts.runs++;
    await this.#readStream();
    // A snapshot is a digest of nothing to compare with: a joiner fetches all buckets, like any other.
    let isInStep = false;
    for (const peer of shuffled(this.#options.others).slice(0, peersAskedMax)) {
      if (this.#isClosed || this.#options.bus.state !== 'connected') return;
      try {
        const said = await this.#askDigest(peer);
        if (said === null) continue;
        if (said.root === this.#options.log.digest().root) {
          this.lastExchangeAtMs = this.#options.now();
          // One that agrees is enough to know; one that does not may not know all either.
          isInStep = true;
          break;
        }
        await this.#fetch(said);
      } catch (error) {
        this.#failed(peer, error);
      }
    }
    if (!isInStep) this.#options.logger.debug('no peer is known to be in step');
  }

  async #readStream(): Promise<void> {
    const { bus, fleet, state, intake, logger } = this.#options;
    try {
      const found = await streamState(bus, fleet);
      if (found === null) return;
      const place = state.stream;
      const isSame =
        place !== null && place.created === found.created && place.sequence <= found.lastSequence;
      if (place !== null && !isSame) {
        logger.warn({ before: place, now: found }, 'the stream is another one, or was rolled back');
        await this.#republish();
      }
      const first = Math.max(found.firstSequence, isSame ? place.sequence + 1 : 0, 1);
      const from = Math.max(first, found.lastSequence - catchUpMessagesMax + 1);
      for (let at = from; at <= found.lastSequence && !this.#isClosed; at += streamSlice) {
        const list: Uint8Array[] = [];
        const to = Math.min(at + streamSlice - 1, found.lastSequence);
        await readStream(bus, fleet, at, to, (bytes) => list.push(bytes));
        this.counts.batchesFetched += await intake.takeAll(list);
      }
      await state.noteStream({ created: found.created, sequence: found.lastSequence });
      this.lastExchangeAtMs = this.#options.now();
    } catch (error) {
      // A server without JetStream, or one that is just coming up: peers have it all.
      logger.debug({ reason: describeError(error) }, 'no stream to catch up from');
    }
  }

  /** What this member has issued and what counts still, for those who come later. */
  async #republish(): Promise<void> {
    const { bus, log, self, fleet } = this.#options;
    await this.#jitter(2_000);
    let after: string | null = null;
    for (let pieces = 0; pieces < piecesMax && !this.#isClosed; pieces++) {
      const { batches, next } = log.piece({ buckets: null, after, bytesMax: pieceBytesMax });
      for (const batch of batches) {
        if (issuerOf(batch) !== self) continue;
        bus.publish(decisionsSubject(fleet, self), batch);
        this.counts.republished++;
      }
      if (!(await bus.flush()) || next === null) return;
      after = next;
    }
  }

  async #askDigest(peer: string): Promise<DigestMessage | null> {
    const { bus, fleet, self } = this.#options;
    const ask = encodeMessage('askDigest', { v: 1, node: self, asks: 'digest' });
    let answer: Uint8Array;
    try {
      ({ bytes: answer } = await bus.request(batchesSubject(fleet, peer), ask, askTimeoutMs));
    } catch (error) {
      // Most of those who do not answer are not running.
      this.#options.logger.debug({ peer, reason: describeError(error) }, 'peer does not answer');
      return null;
    }
    const said = parseMessage('digest', answer, peer);
    return said.ok ? said.message : null;
  }

  async #fetch(said: DigestMessage): Promise<void> {
    const { bus, fleet, self, log, intake, logger } = this.#options;
    const own = log.digest();
    const buckets = differingBuckets(own.buckets, said.buckets);
    if (buckets.length === 0) return;
    // All that differ is as much as all there are, in a shorter word.
    const wanted = own.count === 0 ? null : buckets;
    let after: string | null = null;
    let news = 0;
    for (let pieces = 0; pieces < piecesMax && !this.#isClosed; pieces++) {
      const ask = { v: 1, node: self, asks: 'batches', buckets: wanted, after } as const;
      const { bytes } = await bus.request(
        batchesSubject(fleet, said.node),
        encodeMessage('askBatches', ask),
        askTimeoutMs,
      );
      const piece = parsePiece(bytes);
      if (piece === null) throw new Error('its piece of batches is malformed');
      news += await intake.takeAll(piece.batches);
      if (piece.next === null) break;
      after = piece.next;
    }
    this.counts.batchesFetched += news;
    this.lastExchangeAtMs = this.#options.now();
    const root = log.digest().root;
    if (news === 0) this.#fruitless.set(said.node, `${root}/${said.root}`);
    else logger.info({ peer: said.node, batches: news, entries: log.entries }, 'fleet caught up');
  }

  #failed(peer: string, error: unknown): void {
    this.counts.failures++;
    this.#options.logger.warn({ peer, reason: describeError(error) }, 'repair failed');
  }

  #jitter(mostMs: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, randomInt(mostMs)).unref());
  }
}

/** Who asks, by its own word: it decides nothing but which shape is looked for. */
function askerOf(bytes: Uint8Array): string | null {
  if (bytes.length > 8_192) return null;
  try {
    const { node } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly node?: unknown };
    return typeof node === 'string' ? node : null;
  } catch {
    return null;
  }
}

/** `#decisions/batch.ts`: length at 3, the name behind it. */
const issuerOf = (batch: Uint8Array): string =>
  Buffer.from(batch.subarray(4, 4 + (batch[3] ?? 0))).toString('latin1');

function shuffled(list: readonly string[]): string[] {
  const made = [...list];
  for (let at = made.length - 1; at > 0; at--) {
    const other = randomInt(at + 1);
    [made[at], made[other]] = [made[other] as string, made[at] as string];
  }
  return made;
}
