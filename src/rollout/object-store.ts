/**
 * Bytes by their SHA-256 in a JetStream object store, laid out as NATS' own tools know it (`nats object ls`): chunks
 * on a subject of their own for each upload, then one message that says which.
 *
 * ```
 * $O.BUCKET.C.UPLOAD   chunk, chunk, …          $O.BUCKET.M.base64url(SHA256)   {nuid, size, chunks, digest}
 * ```
 *
 * It is read by single direct gets, so that a node is permitted to ask one subject, of this one stream. It is a
 * cache: what is read is checked against the hash that was asked for, and orchestrators keep every byte themselves
 * and fill the store again when it is gone.
 */
import { createHash, randomBytes } from 'node:crypto';
import { WeirError } from '#core/errors.ts';
import type { Bus } from '#fleet/bus.ts';
import { jetStreamCall, jsonAnswer } from '#fleet/jet-stream.ts';

const timeoutMs = 5_000;
/** Two fit into what a NATS server takes as it comes (1 MiB). */
const chunkBytes = 512 * 1024;
/** The oldest bytes are not let go by themselves: somebody may run them. */
export const storeBytesMax = 256 * 1_048_576;
const metaBytesMax = 4_096;

const encoder = new TextEncoder();
const none = new Uint8Array(0);

type Meta = { readonly nuid: string; readonly size: number; readonly chunks: number };

export class ObjectStore {
  readonly #bus: Bus;
  readonly #bucket: string;

  constructor(bus: Bus, bucket: string) {
    this.#bus = bus;
    this.#bucket = bucket;
  }

  /** For orchestrators: makes the store where there is none. */
  async ensure(): Promise<void> {
    const name = this.#stream;
    if ((await jetStreamCall(this.#bus, `STREAM.INFO.${name}`, none)) !== null) return;
    const config = {
      name,
      subjects: [`$O.${this.#bucket}.C.>`, `$O.${this.#bucket}.M.>`],
      retention: 'limits',
      discard: 'new',
      storage: 'file',
      num_replicas: 1,
      max_bytes: storeBytesMax,
      allow_direct: true,
      allow_rollup_hdrs: true,
    };
    const made = await jetStreamCall(
      this.#bus,
      `STREAM.CREATE.${name}`,
      encoder.encode(JSON.stringify(config)),
    );
    if (made === null) throw new WeirError('FLEET_BUS_FAILED', 'this NATS server has no JetStream');
  }

  /** Nothing is sent where it is there already. */
  async put(sha256: string, bytes: Uint8Array): Promise<void> {
    const known = await this.#meta(sha256);
    if (known?.size === bytes.length) return;
    const nuid = randomBytes(11).toString('hex');
    let chunks = 0;
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      await this.#write(`C.${nuid}`, bytes.subarray(at, at + chunkBytes), {});
      chunks++;
    }
    const meta = {
      ...{ name: sha256, bucket: this.#bucket, nuid, size: bytes.length, chunks },
      mtime: new Date().toISOString(),
      digest: `SHA-256=${Buffer.from(sha256, 'hex').toString('base64url')}`,
      options: { max_chunk_size: chunkBytes },
    };
    await this.#write(metaToken(sha256), encoder.encode(JSON.stringify(meta)), {
      'Nats-Rollup': 'sub',
    });
  }

  /** Null where it is not there whole. Throws FLEET_BUS_FAILED. */
  async get({ sha256, bytes: size }: { sha256: string; bytes: number }): Promise<Buffer | null> {
    const meta = await this.#meta(sha256);
    // The size is signed; a store that says another one is not asked for its chunks.
    if (meta === null || meta.size !== size || meta.chunks > Math.ceil(size / 1_024) + 1)
      return null;
    const chunks: Uint8Array[] = [];
    let left = size;
    for (let count = 0, sequence = 1; count < meta.chunks; count++) {
      const query = { seq: sequence, next_by_subj: `$O.${this.#bucket}.C.${meta.nuid}` };
      const answer = await this.#direct(query);
      if (answer === null) return null;
      left -= answer.bytes.length;
      if (left < 0) return null;
      chunks.push(answer.bytes);
      sequence = answer.sequence + 1;
    }
    const found = Buffer.concat(chunks);
    return left === 0 && createHash('sha256').update(found).digest('hex') === sha256 ? found : null;
  }

  /** Whether its last message is there; what is damaged shows when it is read. */
  async has({ sha256, bytes }: { sha256: string; bytes: number }): Promise<boolean> {
    return (await this.#meta(sha256))?.size === bytes;
  }

  /** Gives up what nobody needs, or what turned out to be damaged. */
  async remove(sha256: string): Promise<void> {
    const meta = await this.#meta(sha256);
    if (meta === null) return;
    for (const token of [metaToken(sha256), `C.${meta.nuid}`]) {
      const filter = { filter: `$O.${this.#bucket}.${token}` };
      const body = encoder.encode(JSON.stringify(filter));
      await jetStreamCall(this.#bus, `STREAM.PURGE.${this.#stream}`, body);
    }
  }

  async #meta(sha256: string): Promise<Meta | null> {
    const answer = await this.#direct({
      last_by_subj: `$O.${this.#bucket}.${metaToken(sha256)}`,
    });
    if (answer === null || answer.bytes.length > metaBytesMax) return null;
    try {
      const { nuid, size, chunks } = JSON.parse(Buffer.from(answer.bytes).toString('utf8')) as {
        readonly [key: string]: unknown;
      };
      const isGood =
        typeof nuid === 'string' &&
        /^[A-Za-z0-9]{1,64}$/.test(nuid) &&
        Number.isSafeInteger(size) &&
        Number.isSafeInteger(chunks);
      return isGood ? { nuid, size: size as number, chunks: chunks as number } : null;
    } catch {
      return null;
    }
  }

  async #direct(query: object): Promise<{ bytes: Uint8Array; sequence: number } | null> {
    const answer = await this.#bus.request(
      `$JS.API.DIRECT.GET.${this.#stream}`,
      encoder.encode(JSON.stringify(query)),
      timeoutMs,
    );
    const sequence = Number(answer.header('Nats-Sequence'));
    // 404: there is none.
    if (![0, 200].includes(answer.status) || !Number.isSafeInteger(sequence)) return null;
    return { bytes: answer.bytes, sequence };
  }

  async #write(
    token: string,
    bytes: Uint8Array,
    fields: Readonly<Record<string, string>>,
  ): Promise<void> {
    const subject = `$O.${this.#bucket}.${token}`;
    jsonAnswer(await this.#bus.request(subject, bytes, timeoutMs, fields), subject);
  }

  get #stream(): string {
    return `OBJ_${this.#bucket}`;
  }
}

const metaToken = (sha256: string): string => `M.${Buffer.from(sha256).toString('base64url')}`;
