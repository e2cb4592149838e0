/**
 * Whom a rate counts a request for: the parts of its key, read from the head where it lies.
 *
 * A request that lacks a part (no such cookie, no TLS and so no JA4) is counted with an empty one where the
 * address is a part too; else the rate does not hold for it, for all who lack it would share one bucket.
 */
import { hash } from 'node:crypto';
import type { RequestView } from '#waf/request-view.ts';
import { ascii, equalsFolded } from '../http1/bytes.ts';
import { limitKey } from '../listener/address-rate.ts';
import type { CompiledRoute } from '../snapshot.ts';
import { resolvedPath } from './rate-path.ts';

export type KeyPart = {
  readonly kind: 'address' | 'path' | 'method' | 'ja4' | 'bearer' | 'header' | 'cookie';
  /** Of a header in lower case, of a cookie as it is; empty for the others. */
  readonly name: string;
  readonly field: Uint8Array;
};

/** What is known of a request as rates look at it. */
export type RateRequest = {
  readonly view: RequestView;
  readonly address: string;
  readonly facts: { readonly ja4: string };
  readonly method: string;
  /** Undefined where it has none. */
  readonly route: Pick<CompiledRoute, 'name' | 'mode'> | undefined;
  /** Resolved when it is first asked for. */
  path: string | null;
};

const COOKIE = ascii('cookie');
const AUTHORIZATION = ascii('authorization');
const noField = new Uint8Array(0);

export function parseKeyPart(text: string): KeyPart {
  const colon = text.indexOf(':');
  if (colon < 0) return { kind: text as KeyPart['kind'], name: '', field: noField };
  const name = text.slice(colon + 1);
  return text.startsWith('cookie')
    ? { kind: 'cookie', name, field: COOKIE }
    : { kind: 'header', name: name.toLowerCase(), field: ascii(name.toLowerCase()) };
}

/** As long as a key may be to leave the worker as it is. */
const plainCharactersMax = 256;

/**
 * As other processes and nodes hear of a key: what clients show as a secret goes no further than its digest, and
 * nothing is longer than what is told of counts has room for.
 */
export function sharedKey(parts: readonly KeyPart[], key: string): string {
  const isPlain = key.length <= plainCharactersMax && !parts.some(({ kind }) => secrets.has(kind));
  return isPlain ? key : hash('sha256', key, 'base64url').slice(0, digestCharacters);
}

const secrets: ReadonlySet<KeyPart['kind']> = new Set(['bearer', 'header', 'cookie']);
/** 132 bits. */
const digestCharacters = 22;

/** Null where the request has nothing the rate could count it for. */
export function rateKey(parts: readonly KeyPart[], request: RateRequest): string | null {
  if (parts.length === 1) return partOf(parts[0] as KeyPart, request);
  let key = '';
  let isOwn = parts.length === 0;
  let lacks = false;
  for (const part of parts) {
    const value = partOf(part, request);
    if (part.kind === 'address') isOwn = true;
    if (value === null) lacks = true;
    // Between two values stands what neither can hold.
    key += `${value ?? ''}\0`;
  }
  return lacks && !isOwn ? null : key;
}

function partOf({ kind, name, field }: KeyPart, request: RateRequest): string | null {
  switch (kind) {
    case 'address':
      return limitKey(request.address);
    case 'path':
      request.path ??= resolvedPath(request.view);
      return request.path;
    case 'method':
      return request.method;
    case 'ja4':
      return request.facts.ja4 === '' ? null : request.facts.ja4;
    case 'bearer':
      return bearerOf(request.view);
    case 'header':
      return fieldOf(request.view, field);
    case 'cookie':
      return cookieOf(request.view, name);
  }
}

/** Of repeated fields the first. */
function fieldOf(view: RequestView, name: Uint8Array): string | null {
  for (let i = 0; i < view.headerCount; i++) {
    const start = view.headers[i * 4] as number;
    const end = view.headers[i * 4 + 1] as number;
    if (end - start === name.length && equalsFolded(view.bytes, start, end, name))
      return view.headerValue(i);
  }
  return null;
}

function bearerOf(view: RequestView): string | null {
  const value = fieldOf(view, AUTHORIZATION);
  if (value === null || !/^bearer +/i.test(value)) return null;
  return value.slice(value.lastIndexOf(' ') + 1);
}

function cookieOf(view: RequestView, name: string): string | null {
  for (let i = 0; i < view.headerCount; i++) {
    const start = view.headers[i * 4] as number;
    const end = view.headers[i * 4 + 1] as number;
    if (end - start !== COOKIE.length || !equalsFolded(view.bytes, start, end, COOKIE)) continue;
    for (const pair of view.headerValue(i).split(';')) {
      const equals = pair.indexOf('=');
      if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
    }
  }
  return null;
}
