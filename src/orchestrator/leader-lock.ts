/**
 * Which of several orchestrators acts: the one that holds a key of a JetStream key-value bucket.
 *
 * ```
 * no key ─► create ─► leader, renews every renewMs against the revision it wrote
 *   ▲                    └─ not renewed for holdMs by its own monotonic clock ─► follower, before
 *   └──── the server lets the key end after ttlMs ◄──────────────────────────── the key ends
 * ```
 *
 * No clocks are compared: the holder gives up by its own, sooner than the server forgets by its. What is
 * decided under the lock is safe without it (blocks merge, commands are signed and taken once); it keeps two
 * from doing the same work and from sending the same webhook.
 */
import { monotonicMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import type { KeyValue } from '#fleet/key-value.ts';
import type { Logger } from '#telemetry/log.ts';

export type Leader = { readonly id: string; readonly address: string };

export type LeaderTerms = {
  readonly ttlMs: number;
  readonly holdMs: number;
  readonly renewMs: number;
};

export const leaderTerms: LeaderTerms = { ttlMs: 10_000, holdMs: 7_000, renewMs: 2_000 };

const key = 'leader';
const leaderBytesMax = 1_024;

export class LeaderLock {
  /** Called when this one becomes the leader, or no longer is. */
  onChange: (isLeader: boolean) => void = () => {};
  readonly #keys: KeyValue;
  readonly #self: Leader;
  readonly #terms: LeaderTerms;
  readonly #log: Logger;
  #revision: number | null = null;
  #heldSinceMs = Number.NEGATIVE_INFINITY;
  #other: Leader | null = null;
  #wasLeader = false;
  #isReady = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();

  constructor(keys: KeyValue, self: Leader, log: Logger, terms = leaderTerms) {
    this.#keys = keys;
    this.#self = self;
    this.#log = log;
    this.#terms = terms;
  }

  get isLeader(): boolean {
    return this.#revision !== null && monotonicMs() - this.#heldSinceMs < this.#terms.holdMs;
  }

  /** Null while nobody is known to be. */
  get leader(): Leader | null {
    return this.isLeader ? this.#self : this.#other;
  }

  /** Tries now, and from then on; called again where there is a reason to try sooner. */
  start(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#turn = this.#turn
      .then(() => (this.#isClosed ? undefined : this.#try()))
      .finally(() => {
        if (this.#timer !== null) clearTimeout(this.#timer);
        if (!this.#isClosed) this.#timer = setTimeout(() => this.start(), this.#terms.renewMs);
      });
  }

  /** Lets another one lead at once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#turn;
    if (this.#revision !== null) await this.#keys.delete(key, this.#revision).catch(() => false);
    this.#revision = null;
  }

  async #try(): Promise<void> {
    try {
      if (!this.#isReady) await this.#keys.ensure(this.#terms.ttlMs);
      this.#isReady = true;
      // From before the call: the key may have been renewed at any time since.
      const beganMs = monotonicMs();
      const bytes = new TextEncoder().encode(JSON.stringify(this.#self));
      this.#revision =
        this.#revision === null
          ? await this.#keys.create(key, bytes)
          : await this.#keys.update(key, bytes, this.#revision);
      if (this.#revision !== null) {
        this.#heldSinceMs = beganMs;
        this.#other = null;
      } else this.#other = leaderOf((await this.#keys.get(key))?.bytes ?? null);
    } catch (error) {
      this.#isReady = false;
      this.#other = null;
      this.#log.debug({ reason: describeError(error) }, 'nobody knows who leads');
    }
    this.#tell();
  }

  #tell(): void {
    const { isLeader } = this;
    if (isLeader === this.#wasLeader) return;
    this.#wasLeader = isLeader;
    this.#log.info(isLeader ? 'leads' : 'follows');
    this.onChange(isLeader);
  }
}

function leaderOf(bytes: Uint8Array | null): Leader | null {
  if (bytes === null || bytes.length > leaderBytesMax) return null;
  try {
    const { id, address } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Partial<Leader>;
    return typeof id === 'string' && typeof address === 'string' ? { id, address } : null;
  } catch {
    return null;
  }
}
