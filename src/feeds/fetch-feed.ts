/**
 * A feed over https, asked for only where it has changed since (`If-None-Match`, `If-Modified-Since`).
 *
 * Where a redirect leads is the other side's choice, and so is what a name resolves to: each address is looked at
 * where the connection is made, and one that is not public is not connected to unless the configuration says
 * `allowInternal`, which is also what allows plain http. Size, time and the number of redirects are bounded.
 */
import { lookup } from 'node:dns';
import tls from 'node:tls';
import { Agent, request } from 'undici';
import { parseIp } from '#core/ip.ts';
import { isPublicAddress } from '#core/public-address.ts';
import { publicLookup } from '#core/public-lookup.ts';
import { readBounded } from './read-bounded.ts';

export type FetchTerms = {
  readonly url: string;
  /** PEM of a root to trust beside the usual ones. */
  readonly ca: string | null;
  readonly allowInternal: boolean;
  readonly bytesMax: number;
};

/** What the server said of the content it gave last. */
export type Validators = { readonly etag: string | null; readonly lastModified: string | null };

export type Fetched =
  | { readonly kind: 'unchanged' }
  | ({ readonly kind: 'content'; readonly bytes: Buffer } & Validators);

export const redirectsMax = 5;
export const fetchMsMax = 60_000;
const validatorCharactersMax = 512;

/** Throws with what went wrong, in words. */
export async function fetchFeed(
  terms: FetchTerms,
  validators: Validators,
  ending: AbortSignal,
): Promise<Fetched> {
  const agent = new Agent({
    connections: 1,
    maxHeaderSize: 16_384,
    headersTimeout: fetchMsMax,
    bodyTimeout: fetchMsMax,
    connect: {
      timeout: fetchMsMax,
      ...(terms.ca === null ? {} : { ca: [...tls.getCACertificates('default'), terms.ca] }),
      ...(terms.allowInternal ? {} : { lookup: publicLookup(lookup) }),
    },
  });
  const signal = AbortSignal.any([AbortSignal.timeout(fetchMsMax), ending]);
  try {
    return await follow(terms, validators, agent, signal);
  } finally {
    await agent.destroy();
  }
}

async function follow(
  terms: FetchTerms,
  { etag, lastModified }: Validators,
  agent: Agent,
  signal: AbortSignal,
): Promise<Fetched> {
  let url = new URL(terms.url);
  for (let redirects = 0; ; redirects++) {
    checkTarget(url, terms.allowInternal);
    const { statusCode, headers, body } = await request(url, {
      dispatcher: agent,
      method: 'GET',
      headers: {
        'user-agent': 'weir',
        accept: '*/*',
        'accept-encoding': 'identity',
        ...(etag === null ? {} : { 'if-none-match': etag }),
        ...(lastModified === null ? {} : { 'if-modified-since': lastModified }),
      },
      signal,
    });
    if (statusCode === 200) {
      const coding = headers['content-encoding'];
      if (coding !== undefined && coding !== 'identity')
        throw new Error(`${url.host} answered with content-encoding ${String(coding)}`);
      const bytes = await readBounded(body, terms.bytesMax);
      return {
        kind: 'content',
        bytes,
        etag: validator(headers['etag']),
        lastModified: validator(headers['last-modified']),
      };
    }
    body.on('error', () => {});
    body.destroy();
    if (statusCode === 304 && (etag !== null || lastModified !== null))
      return { kind: 'unchanged' };
    const location = headers['location'];
    if (statusCode < 300 || statusCode > 399 || typeof location !== 'string')
      throw new Error(`${url.host} answered with ${statusCode}`);
    if (redirects === redirectsMax) throw new Error(`more than ${redirectsMax} redirects`);
    const next = URL.parse(location, url);
    if (next === null) throw new Error(`${url.host} redirects to what is no URL`);
    url = next;
  }
}

function checkTarget(url: URL, allowInternal: boolean): void {
  if (url.protocol !== 'https:' && !(allowInternal && url.protocol === 'http:'))
    throw new Error(`${url.protocol}//${url.host} is no https address`);
  if (url.username !== '' || url.password !== '')
    throw new Error(`the address on ${url.host} carries a password`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!allowInternal && parseIp(host) !== null && !isPublicAddress(host))
    throw new Error(`${host} is not a public address (allowInternal)`);
}

function validator(value: string | string[] | undefined): string | null {
  return typeof value === 'string' &&
    value.length <= validatorCharactersMax &&
    /^[\u0020-\u007e]+$/.test(value)
    ? value
    : null;
}
