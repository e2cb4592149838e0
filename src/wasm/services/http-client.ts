/**
 * One HTTP request on behalf of a module: only to public addresses unless the URL itself names one,
 * no redirects, nothing read beyond a bound, and over after five seconds.
 *
 * The address is looked at where the connection is made, after the name was resolved, so a name that
 * answers differently the second time leads nowhere else.
 */
import { lookup as resolveName } from 'node:dns';
import { Agent } from 'undici';
import { publicLookup } from '#core/public-lookup.ts';

export const fetchMsMax = 5_000;
export const fetchedBytesMax = 262_144;
/** To one origin; a filter that asks about every request has as many of them under way. */
const connectionsMax = 32;
const keepAliveMs = 10_000;

export type HttpCall = {
  readonly url: URL;
  readonly method: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
};

export type HttpReply = {
  readonly status: number;
  readonly fields: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
};

export type HttpClientOptions = {
  /** Of names; the system's unless a test brings its own. */
  readonly resolve?: typeof resolveName;
  /** PEM of further authorities. */
  readonly ca?: string;
  readonly msMax?: number;
};

export class HttpClient {
  readonly #agent: Agent;
  readonly #msMax: number;

  constructor(options: HttpClientOptions = {}) {
    this.#msMax = options.msMax ?? fetchMsMax;
    this.#agent = new Agent({
      connections: connectionsMax,
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
      maxHeaderSize: 16_384,
      connect: {
        lookup: publicLookup(options.resolve ?? resolveName),
        timeout: this.#msMax,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
      },
    });
  }

  /** Throws what goes wrong on the way, and where the answer is too large or takes too long, or `until`. */
  async call({ url, method, fields, body }: HttpCall, until?: AbortSignal): Promise<HttpReply> {
    const timeout = AbortSignal.timeout(this.#msMax);
    const signal = until === undefined ? timeout : AbortSignal.any([timeout, until]);
    const response = await this.#agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: method as 'GET',
      headers: fields,
      body,
      signal,
    });
    const parts: Buffer[] = [];
    let length = 0;
    // Leaving the loop early destroys the body, and its connection with it.
    for await (const part of response.body as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > fetchedBytesMax)
        throw new Error(`the answer is longer than ${fetchedBytesMax} bytes`);
      parts.push(part);
    }
    return {
      status: response.statusCode,
      fields: response.headers,
      body: Buffer.concat(parts, length),
    };
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
