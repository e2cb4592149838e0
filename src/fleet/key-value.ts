/**
 * A JetStream key-value bucket: what orchestrators agree by who of them leads, and where a fleet finds its rules. A bucket is a stream, each key a
 * subject; a write that names the revision it replaces is taken once, which is all a lock needs. Entries end by
 * themselves after the bucket's `ttlMs`, so that a leader that died is followed by another.
 *
 * Nothing that is enforced rests on it: JetStream acknowledges before it has synced.
 */
import { WeirError } from '#core/errors.ts';
import type { Bus } from './bus.ts';
import { jetStreamCall, jsonAnswer } from './jet-stream.ts';

const timeoutMs = 3_000;
const encoder = new TextEncoder();
const none = new Uint8Array(0);

export type KeyValueEntry = { readonly bytes: Uint8Array; readonly revision: number };

export class KeyValue {
  readonly #bus: Bus;
  readonly #bucket: string;

  constructor(bus: Bus, bucket: string) {
    this.#bus = bus;
    this.#bucket = bucket;
  }

  /** Makes the bucket where there is none; with `ttlMs` 0 its values do not end. */
  async ensure(ttlMs: number, valueBytesMax = 65_536): Promise<void> {
    const name = `KV_${this.#bucket}`;
    if ((await jetStreamCall(this.#bus, `STREAM.INFO.${name}`, none)) !== null) return;
    const config = {
      name,
      subjects: [`$KV.${this.#bucket}.>`],
      retention: 'limits',
      discard: 'new',
      storage: 'file',
      num_replicas: 1,
      max_msgs_per_subject: 1,
      max_bytes: 4 * 1_048_576,
      max_msg_size: valueBytesMax,
      max_age: ttlMs * 1_000_000,
      // No longer than entries live; the server refuses a window that is.
      duplicate_window: Math.min(ttlMs, 120_000) * 1_000_000,
      allow_direct: true,
      allow_rollup_hdrs: true,
      deny_delete: true,
    };
    const body = encoder.encode(JSON.stringify(config));
    if ((await jetStreamCall(this.#bus, `STREAM.CREATE.${name}`, body)) === null)
      throw new WeirError('FLEET_BUS_FAILED', 'this NATS server has no JetStream');
  }

  async get(key: string): Promise<KeyValueEntry | null> {
    const last = await this.#last(key);
    return last === null || last.isGone ? null : { bytes: last.bytes, revision: last.revision };
  }

  /** The new revision; null where somebody else has the key. */
  async create(key: string, bytes: Uint8Array): Promise<number | null> {
    const made = await this.#write(key, bytes, 0, {});
    if (made !== null) return made;
    // What was given up left a mark behind, which is written over like a value.
    const last = await this.#last(key);
    return last?.isGone === true ? this.#write(key, bytes, last.revision, {}) : null;
  }

  /** The new revision; null where the key has another revision by now. */
  update(key: string, bytes: Uint8Array, revision: number): Promise<number | null> {
    return this.#write(key, bytes, revision, {});
  }

  /** Gives a key up; false where it has another revision by now. */
  async delete(key: string, revision: number): Promise<boolean> {
    const purge = { 'KV-Operation': 'PURGE', 'Nats-Rollup': 'sub' };
    const at = await this.#write(key, none, revision, purge);
    return at !== null;
  }

  async #last(key: string): Promise<(KeyValueEntry & { readonly isGone: boolean }) | null> {
    const answer = await this.#bus.request(
      `$JS.API.DIRECT.GET.KV_${this.#bucket}`,
      encoder.encode(JSON.stringify({ last_by_subj: this.#subject(key) })),
      timeoutMs,
    );
    if (answer.status !== 0 && answer.status !== 200) return null;
    const revision = Number(answer.header('Nats-Sequence'));
    if (!Number.isSafeInteger(revision)) return null;
    return { bytes: answer.bytes, revision, isGone: answer.header('KV-Operation') !== null };
  }

  async #write(
    key: string,
    bytes: Uint8Array,
    revision: number,
    fields: Readonly<Record<string, string>>,
  ): Promise<number | null> {
    const expected = { 'Nats-Expected-Last-Subject-Sequence': String(revision), ...fields };
    const subject = this.#subject(key);
    const answer = await this.#bus.request(subject, bytes, timeoutMs, expected);
    try {
      const sequence = jsonAnswer(answer, subject)?.['seq'];
      return typeof sequence === 'number' ? sequence : null;
    } catch (error) {
      if (error instanceof WeirError && error.message.includes('wrong last sequence')) return null;
      throw error;
    }
  }

  #subject(key: string): string {
    return `$KV.${this.#bucket}.${key}`;
  }
}
