/**
 * Keeps an OCSP response at hand for each certificate of the listeners that staple, fetched from the
 * authority, kept over restarts, refreshed at half of its time.
 *
 * ```
 * staple(certificates) ─► what is at hand, at once, without waiting for anybody
 * look() ─► due? ─► ask the authority ─► checked ─► kept ─► onChange (the workers get it)
 *                        └─ failed ─► degraded, tried again later; one that has run out is taken away
 * ```
 *
 * No handshake waits for it: without a response there is no staple, and the client asks by itself or not.
 */
import type { X509Certificate } from 'node:crypto';
import { request } from 'undici';
import { pemCertificates } from '#config/check-certificates.ts';
import type { Config } from '#config/schema.ts';
import { certificateNames } from '#core/certificate-names.ts';
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { type OcspStaple, ocspBytesMax, ocspRequest, ocspResponder, readOcsp } from '#core/ocsp.ts';
import type { CertificateSource } from '#proxy/tls/certificate-store.ts';
import type { OcspCache } from '#state/ocsp-cache.ts';
import type { Logger } from '#telemetry/log.ts';

const lookEveryMs = 30_000;
const answerMs = 10_000;
const retryStartMs = 60_000;
const retryMaxMs = 3_600_000;

export type StaplerHost = {
  /** The responses at hand are others than before. */
  onChange(): Promise<number>;
  setDegraded(part: string, reason: string | null): void;
};

type Entry = {
  readonly leaf: X509Certificate;
  readonly issuer: X509Certificate | null;
  readonly part: string;
  staple: OcspStaple | null;
  dueAtMs: number;
  failures: number;
};

export class OcspStapler {
  readonly #cache: OcspCache;
  readonly #log: Logger;
  /** By SHA-256 of the certificate. */
  readonly #entries = new Map<string, Entry>();
  #host: StaplerHost | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;

  constructor(cache: OcspCache, log: Logger) {
    this.#cache = cache;
    this.#log = log;
  }

  start(host: StaplerHost): void {
    this.#host = host;
    this.#timer = setInterval(() => void this.look(), lookEveryMs);
    this.#timer.unref();
    void this.look();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#host = null;
  }

  /** The certificates with what is at hand; those that nobody staples any more are forgotten. */
  staple(certificates: readonly CertificateSource[], config: Config): readonly CertificateSource[] {
    const used = new Set<string>();
    const stapled = certificates.map((certificate): CertificateSource => {
      const isAsked = config.edge.listeners[certificate.listener]?.tls?.ocspStapling === true;
      if (!isAsked) return certificate;
      const [leaf, ...chain] = pemCertificates(certificate.cert);
      if (leaf === undefined) return certificate;
      const key = leaf.fingerprint256.replaceAll(':', '').toLowerCase();
      used.add(key);
      const entry = this.#entries.get(key) ?? this.#add(key, leaf, chain);
      const { ocsp: _old, ...bare } = certificate;
      return entry.staple === null ? bare : { ...bare, ocsp: entry.staple.bytes };
    });
    for (const [key, { part }] of this.#entries) {
      if (used.has(key)) continue;
      this.#entries.delete(key);
      this.#host?.setDegraded(part, null);
    }
    if (used.size > 0 && this.#host !== null) setImmediate(() => void this.look());
    return stapled;
  }

  #add(key: string, leaf: X509Certificate, chain: readonly X509Certificate[]): Entry {
    const name = certificateNames(leaf)[0] ?? leaf.serialNumber;
    const issuer = chain.find((one) => leaf.checkIssued(one) && leaf.verify(one.publicKey)) ?? null;
    const entry: Entry = {
      leaf,
      issuer,
      part: `OCSP of ${name} (${key.slice(0, 8)})`,
      staple: null,
      dueAtMs: 0,
      failures: 0,
    };
    const kept = issuer === null ? null : this.#cache.read(key);
    const read = kept === null ? null : readOcsp(kept, leaf, issuer, wallMs());
    if (read?.ok === true) this.#take(entry, read.staple);
    this.#entries.set(key, entry);
    return entry;
  }

  #take(entry: Entry, staple: OcspStaple): void {
    entry.staple = staple;
    entry.failures = 0;
    entry.dueAtMs = staple.thisUpdateMs + (staple.nextUpdateMs - staple.thisUpdateMs) / 2;
    // A response that was half through when it came is asked for again, but not without end.
    entry.dueAtMs = Math.max(entry.dueAtMs, wallMs() + retryStartMs);
  }

  /** Asks for what is due. One look at a time; resolves when it is over. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    let changed = false;
    for (const [key, entry] of [...this.#entries]) {
      if (entry.staple !== null && entry.staple.nextUpdateMs <= wallMs()) {
        entry.staple = null;
        changed = true;
      }
      if (entry.dueAtMs > wallMs()) continue;
      const reason = await this.#ask(key, entry);
      if (reason === null) {
        changed = true;
        this.#host?.setDegraded(entry.part, null);
        continue;
      }
      entry.failures++;
      entry.dueAtMs = wallMs() + Math.min(retryMaxMs, retryStartMs * 2 ** (entry.failures - 1));
      const until =
        entry.staple === null
          ? 'nothing is stapled'
          : `the last one is good until ${new Date(entry.staple.nextUpdateMs).toISOString()}`;
      this.#host?.setDegraded(entry.part, `${reason}; ${until}`);
    }
    if (!changed || this.#host === null) return;
    try {
      const workers = await this.#host.onChange();
      this.#log.info({ workers }, 'ocsp responses live');
    } catch (error) {
      this.#log.warn({ reason: describeError(error) }, 'ocsp responses not live');
    }
  }

  /** Null when there is a new response; else why not. */
  async #ask(key: string, entry: Entry): Promise<string | null> {
    const { leaf, issuer } = entry;
    const url = ocspResponder(leaf);
    if (url === null) return 'the certificate names no responder';
    if (issuer === null) return 'the chain in the certificate file holds no issuer';
    try {
      const signal = AbortSignal.timeout(answerMs);
      const answer = await request(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/ocsp-request',
          accept: 'application/ocsp-response',
        },
        body: ocspRequest(leaf, issuer),
        signal,
      });
      const bytes = await bounded(answer.body);
      if (answer.statusCode !== 200) return `${url} answered ${answer.statusCode}`;
      if (bytes === null) return `${url} answered more than ${ocspBytesMax} bytes`;
      const read = readOcsp(bytes, leaf, issuer, wallMs());
      if (!read.ok) return `the response of ${url} ${read.reason}`;
      this.#take(entry, read.staple);
      this.#cache.write(key, bytes);
      return null;
    } catch (error) {
      return `${url} cannot be asked: ${describeError(error)}`;
    }
  }
}

/** Null when there is more than a response may have. */
async function bounded(body: AsyncIterable<Buffer>): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    // Leaving the loop destroys the rest.
    if (size > ocspBytesMax) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
