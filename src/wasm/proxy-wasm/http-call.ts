/**
 * The outside of `proxy_http_call`: where a call may go, and what it brings.
 *
 * A guest names a cluster, as in Envoy. Here that is a server that the configuration grants: the host of
 * one of the module's `fetch` prefixes, or the prefix itself. Redirects are answers like any other.
 */
import { allowedUrl, parseUrlPrefix, type UrlPrefix } from '#core/url-prefix.ts';
import type { Pair } from './pairs.ts';

export const callBodyBytesMax = 262_144;
/** Below `waitMsMax`, so that a guest hears of it before the host gives up on the request. */
export const callTimeoutMsMax = 4_500;
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
};

/** Null for a call without an answer, whatever the reason. */
export type HttpCaller = (
  url: URL,
  request: HttpCallRequest,
  signal: AbortSignal,
) => Promise<HttpCallResponse | null>;

/** A server that calls may go to, under the names a guest may use for it. */
export type GrantedServer = { readonly names: readonly string[]; readonly prefix: UrlPrefix };

export function grantedServers(prefixes: readonly string[]): readonly GrantedServer[] {
  return prefixes.flatMap((text) => {
    const prefix = parseUrlPrefix(text);
    if (typeof prefix === 'string') return [];
    const { host, hostname } = new URL(prefix.origin);
    return [{ names: [text, host, hostname], prefix }];
  });
}

/** Null when none of the servers is meant, or the path is not granted there. */
export function grantedUrl(
  servers: readonly GrantedServer[],
  cluster: string,
  path: string,
): URL | null {
  // Istio writes `outbound|443||api.example.com`.
  const name = cluster.slice(cluster.lastIndexOf('|') + 1);
  for (const { names, prefix } of servers) {
    const url = names.includes(name) ? allowedUrl(prefix.origin + path, [prefix]) : null;
    if (url !== null) return url;
  }
  return null;
}
