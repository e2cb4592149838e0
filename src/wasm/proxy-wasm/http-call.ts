/**
 * The outside of `proxy_http_call`: where a call may go, and the call itself, bounded in time and size.
 *
 * A guest names a cluster, as in Envoy. Here that is a server that the configuration grants: the host of
 * one of the module's `fetch` prefixes, or the prefix itself. Redirects are answers like any other.
 */
import { request } from 'undici';
import type { Pair } from './pairs.ts';

export const callBodyBytesMax = 1024 * 1024;
export const callTimeoutMsMax = 30_000;
/** Under way at once, of one instance. */
export const callsMax = 64;

export type HttpCallRequest = {
  readonly method: string;
  /** Names in lower case; neither pseudo nor framing fields. */
  readonly fields: readonly Pair[];
  readonly body: Buffer;
};

export type HttpCallResponse = {
  /** `:status` first. */
  readonly fields: readonly Pair[];
  readonly body: Buffer;
  readonly trailers: readonly Pair[];
};

/** Null for a call without an answer, whatever the reason. */
export type HttpCaller = (
  url: URL,
  request: HttpCallRequest,
  signal: AbortSignal,
) => Promise<HttpCallResponse | null>;

/** Null when none of the prefixes grants it. */
export function grantedUrl(prefixes: readonly string[], cluster: string, path: string): URL | null {
  for (const prefix of prefixes) {
    const base = URL.parse(prefix);
    if (base === null || !names(cluster, prefix, base)) continue;
    const url = URL.parse(path, base.origin);
    if (url === null || url.origin !== base.origin) continue;
    if (base.href.endsWith('/') ? url.href.startsWith(base.href) : url.href === base.href)
      return url;
  }
  return null;
}

/** Istio writes `outbound|443||api.example.com`. */
function names(cluster: string, prefix: string, base: URL): boolean {
  const name = cluster.slice(cluster.lastIndexOf('|') + 1);
  return cluster === prefix || name === base.host || name === base.hostname;
}

export const httpCaller: HttpCaller = async (url, call, signal) => {
  try {
    const response = await request(url, {
      method: call.method,
      headers: call.fields.flat(),
      body: call.body.length === 0 ? null : call.body,
      signal,
    });
    const body = await boundedBody(response.body);
    if (body === null) return null;
    return {
      fields: [[':status', String(response.statusCode)], ...pairsOf(response.headers)],
      body,
      trailers: pairsOf(response.trailers),
    };
  } catch {
    // The guest learns that there was no answer; why is nothing it could act on.
    return null;
  }
};

async function boundedBody(body: AsyncIterable<Buffer>): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > callBodyBytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function pairsOf(fields: Readonly<Record<string, string | string[] | undefined>>): Pair[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((one): Pair => [name, one]),
  );
}
