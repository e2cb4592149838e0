/**
 * The stream as a member reads it: a cache beside its peers, of what was said while nobody else was there.
 *
 * One that is shorter than what was read of it is another one, or was rolled back: it is read from its beginning, and
 * told again what this member has issued. Nothing is ever taken away because it is not in the stream.
 */
import { randomInt } from 'node:crypto';
import { describeError } from '#core/errors.ts';
import type { DecisionLog } from '#decisions/decision-log.ts';
import type { Logger } from '#telemetry/log.ts';
import { pieceBytesMax } from './batch-piece.ts';
import type { Bus } from './bus.ts';
import type { FleetState } from './fleet-state.ts';
import type { Intake } from './intake.ts';
import { catchUpMessagesMax, readStream, streamState } from './jet-stream.ts';
import { decisionsSubject } from './subjects.ts';

/** Messages read before they are taken in. */
const slice = 64;
/** Of one filling. */
const piecesMax = 2_000;
const fillJitterMs = 2_000;

export type StreamCacheOptions = {
  readonly fleet: string;
  readonly self: string;
  readonly bus: Bus;
  readonly log: DecisionLog;
  readonly intake: Intake;
  readonly state: FleetState;
  readonly logger: Logger;
};

export class StreamCache {
  readonly #options: StreamCacheOptions;
  #isClosed = false;
  republished = 0;

  constructor(options: StreamCacheOptions) {
    this.#options = options;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** From where this member was. Null where there is no stream; else how many batches were news. */
  async read(): Promise<number | null> {
    const { bus, fleet, state, intake, logger } = this.#options;
    try {
      const found = await streamState(bus, fleet);
      if (found === null) return null;
      const place = state.stream;
      const isSame =
        place !== null && place.created === found.created && place.sequence <= found.lastSequence;
      const first = Math.max(found.firstSequence, isSame ? place.sequence + 1 : 0, 1);
      const from = Math.max(first, found.lastSequence - catchUpMessagesMax + 1);
      let news = 0;
      for (let at = from; at <= found.lastSequence && !this.#isClosed; at += slice) {
        const list: Uint8Array[] = [];
        const to = Math.min(at + slice - 1, found.lastSequence);
        await readStream(bus, fleet, at, to, (bytes) => list.push(bytes));
        news += await intake.takeAll(list);
      }
      if (place !== null && !isSame) {
        logger.warn({ before: place, now: found }, 'the stream is another one, or was rolled back');
        await this.#fill();
      }
      if (!this.#isClosed)
        await state.noteStream({ created: found.created, sequence: found.lastSequence });
      return news;
    } catch (error) {
      // A server without JetStream, or one that is just coming up: peers have it all.
      logger.debug({ reason: describeError(error) }, 'no stream to catch up from');
      return null;
    }
  }

  /** What this member has issued and what counts still, for those who come later. */
  async #fill(): Promise<void> {
    const { bus, log, self, fleet } = this.#options;
    // Ten members do not fill it at one time.
    await new Promise((resolve) => setTimeout(resolve, randomInt(fillJitterMs)).unref());
    let after: string | null = null;
    for (let pieces = 0; pieces < piecesMax && !this.#isClosed; pieces++) {
      const { batches, next } = log.piece({ buckets: null, after, bytesMax: pieceBytesMax });
      for (const batch of batches) {
        if (issuerOf(batch) !== self) continue;
        bus.publish(decisionsSubject(fleet, self), batch);
        this.republished++;
      }
      if (!(await bus.flush()) || next === null) return;
      after = next;
    }
  }
}

/** `#decisions/batch.ts`: length at 3, the name behind it. */
const issuerOf = (batch: Uint8Array): string =>
  Buffer.from(batch.subarray(4, 4 + (batch[3] ?? 0))).toString('latin1');
