/**
 * The wire to an ACME server: HTTPS by undici, nonces, signed posts.
 *
 * ```
 * post ─► nonce (pool, else newNonce) ─► sign ─► send ─► badNonce? once more with a fresh one, bounded
 * ```
 *
 * The server's answers are another machine's bytes: their size and time are bounded, redirects are not
 * followed, and an address that is not https is not spoken to. Every answer brings a nonce, so one that
 * is used up costs no round trip of its own.
 */
import tls from 'node:tls';
import { Agent, request } from 'undici';
import { describeError } from '#core/errors.ts';
import { AcmeError, cleanText, problemError } from './acme-error.ts';
import { type JwsSigner, signJws } from './jws.ts';
import { retryAfterMs } from './retry-after.ts';

export const answerBytesMax = 262_144;
export const callMsMax = 30_000;
/** A server may drop nonces at any time (RFC 8555 section 6.5), but not for ever. */
export const badNonceRetriesMax = 4;
export const noncesMax = 8;
const connectionsMax = 4;
const urlCharactersMax = 2_048;

export type AcmeAnswer = {
  readonly status: number;
  readonly location: string | null;
  readonly retryAfterMs: number | null;
  readonly text: string;
};

export class AcmeTransport {
  readonly #agent: Agent;
  readonly #userAgent: string;
  #nonces: string[] = [];
  #newNonceUrl: string | null = null;

  /** `ca` is PEM of a root to trust beside the usual ones. */
  constructor(options: { readonly ca: string | null; readonly userAgent: string }) {
    this.#userAgent = options.userAgent;
    const { ca } = options;
    this.#agent = new Agent({
      connections: connectionsMax,
      headersTimeout: callMsMax,
      bodyTimeout: callMsMax,
      maxResponseSize: answerBytesMax,
      connect: {
        timeout: callMsMax,
        ...(ca === null ? {} : { ca: [...tls.getCACertificates('default'), ca] }),
      },
    });
  }

  set newNonceUrl(url: string) {
    if (url !== this.#newNonceUrl) this.#nonces = [];
    this.#newNonceUrl = url;
  }

  async get(what: string, url: string): Promise<AcmeAnswer> {
    const answer = await this.#call(what, 'GET', url, null);
    if (answer.status >= 300) throw refusal(what, answer);
    return answer;
  }

  /** `payload` null reads (POST-as-GET). */
  async post(what: string, signer: JwsSigner, url: string, payload: unknown): Promise<AcmeAnswer> {
    for (let attempt = 0; ; attempt++) {
      const nonce = this.#nonces.pop() ?? (await this.#newNonce());
      const body = JSON.stringify(signJws(signer, url, nonce, payload));
      const answer = await this.#call(what, 'POST', url, body);
      if (answer.status < 300) return answer;
      const error = refusal(what, answer);
      if (error.type !== 'badNonce' || attempt === badNonceRetriesMax) throw error;
      // What lay in the pool is as old as the one refused; the newest came with the refusal.
      this.#nonces = this.#nonces.slice(-1);
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #newNonce(): Promise<string> {
    const url = this.#newNonceUrl;
    if (url === null) throw new AcmeError('the directory of the ACME server has not been read');
    const answer = await this.#call('a nonce', 'HEAD', url, null);
    const nonce = this.#nonces.pop();
    if (answer.status >= 300 || nonce === undefined) throw refusal('a nonce', answer);
    return nonce;
  }

  async #call(
    what: string,
    method: 'GET' | 'HEAD' | 'POST',
    url: string,
    body: string | null,
  ): Promise<AcmeAnswer> {
    checkUrl(what, url);
    try {
      const {
        statusCode,
        headers,
        body: content,
      } = await request(url, {
        dispatcher: this.#agent,
        method,
        headers: {
          'user-agent': this.#userAgent,
          ...(body === null ? {} : { 'content-type': 'application/jose+json' }),
        },
        body,
        signal: AbortSignal.timeout(callMsMax),
      });
      this.#keepNonce(headers['replay-nonce']);
      return {
        status: statusCode,
        location: single(headers['location']),
        retryAfterMs: retryAfterMs(single(headers['retry-after']), Date.now()),
        text: await content.text(),
      };
    } catch (error) {
      const { host } = new URL(url);
      throw new AcmeError(
        `the ACME server ${host} cannot be asked for ${what}: ${describeError(error)}`,
        { cause: error },
      );
    }
  }

  #keepNonce(value: string | string[] | undefined): void {
    const nonce = single(value);
    if (nonce === null || !/^[A-Za-z0-9_-]{1,512}$/.test(nonce)) return;
    if (this.#nonces.length === noncesMax) this.#nonces.shift();
    this.#nonces.push(nonce);
  }
}

function refusal(what: string, answer: AcmeAnswer): AcmeError {
  return problemError(what, answer.status, jsonOf(answer.text), answer.retryAfterMs);
}

/** Undefined for what is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checkUrl(what: string, url: string): void {
  if (url.length <= urlCharactersMax && URL.parse(url)?.protocol === 'https:') return;
  throw new AcmeError(
    `the ACME server names ${JSON.stringify(cleanText(url))} for ${what}, which is no https address`,
  );
}

function single(value: string | string[] | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
