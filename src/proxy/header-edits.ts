/**
 * A route's rules for header fields, compiled once: what to take out, what to write, and what to add
 * where the origin has left it out.
 *
 * Taking out is marking: the serialiser walks over kinds and skips the marked ones. What is added comes as
 * prepared text, one for each combination of fields that were missing, so that a response costs a walk
 * over its fields and no string work.
 */
import type { Route } from '#config/route-schema.ts';
import type { HeadView } from '#waf/head-view.ts';
import { ascii, equalsFolded } from './http1/bytes.ts';
import { fieldKind } from './http1/field-kind.ts';

/** Fields to write behind those of the message: as lines for HTTP/1.1, as pairs for HTTP/2. */
export type AddedFields = {
  /** `Name: value CR LF` for each. */
  readonly lines: string;
  /** Names in lower case. */
  readonly pairs: readonly (readonly [name: string, value: string])[];
};

export const noFields: AddedFields = { lines: '', pairs: [] };

type Name = { readonly bytes: Uint8Array; readonly first: number };

export class HeaderEdits {
  readonly #removed: readonly Name[];
  readonly #hidesBanner: boolean;
  readonly #set: readonly (readonly [string, string])[];
  readonly #missing: readonly (readonly [string, string])[];
  readonly #missingNames: readonly Name[];
  /** By the set of missing fields, as bits. */
  readonly #added: (AddedFields | undefined)[] = [];

  /** `missing` are written only where the message has no such field. */
  constructor(
    rules: Route['requestHeaders'],
    missing: readonly (readonly [string, string])[],
    hidesBanner: boolean,
  ) {
    const set = Object.entries(rules.set);
    this.#removed = [...set.map(([name]) => name), ...rules.remove].map(nameOf);
    this.#hidesBanner = hidesBanner;
    this.#set = set;
    const named = new Set(
      [...set.map(([name]) => name), ...rules.remove].map((name) => name.toLowerCase()),
    );
    this.#missing = missing.filter(([name]) => !named.has(name.toLowerCase()));
    this.#missingNames = this.#missing.map(([name]) => nameOf(name));
  }

  /** Marks what goes; returns what comes. */
  apply(view: HeadView): AddedFields {
    const { bytes, headers, kinds, headerCount } = view;
    let absent = (1 << this.#missingNames.length) - 1;
    for (let i = 0; i < headerCount; i++) {
      const kind = kinds[i];
      if (kind !== fieldKind.other && kind !== fieldKind.banner && kind !== fieldKind.alias)
        continue;
      const start = headers[i * 4] as number;
      const end = headers[i * 4 + 1] as number;
      if (
        (kind === fieldKind.banner && this.#hidesBanner) ||
        indexOfName(this.#removed, bytes, start, end) >= 0
      ) {
        kinds[i] = fieldKind.removed;
        continue;
      }
      const at = indexOfName(this.#missingNames, bytes, start, end);
      if (at >= 0) absent &= ~(1 << at);
    }
    return (this.#added[absent] ??= addedFields([
      ...this.#set,
      ...this.#missing.filter((_, at) => (absent & (1 << at)) !== 0),
    ]));
  }
}

/** Null where a request goes on as it came. */
export function requestEdits(route: Route): HeaderEdits | null {
  const { set, remove } = route.requestHeaders;
  if (Object.keys(set).length === 0 && remove.length === 0) return null;
  return new HeaderEdits(route.requestHeaders, [], false);
}

const basic: readonly (readonly [string, string])[] = [
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'strict-origin-when-cross-origin'],
];
const strict: readonly (readonly [string, string])[] = [
  ...basic,
  ['X-Frame-Options', 'SAMEORIGIN'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
];
/** A year, RFC 6797 section 6.1.1. Subdomains are the site's own decision. */
const transportSecurity: readonly [string, string] = [
  'Strict-Transport-Security',
  'max-age=31536000',
];

/** Null where a response goes on as it came. `isTls`: how the client is connected. */
export function responseEdits(route: Route, isTls: boolean): HeaderEdits | null {
  const { set, remove } = route.responseHeaders;
  const missing =
    route.hardening === 'off'
      ? []
      : route.hardening === 'basic'
        ? basic
        : isTls
          ? [...strict, transportSecurity]
          : strict;
  if (
    missing.length === 0 &&
    Object.keys(set).length === 0 &&
    remove.length === 0 &&
    !route.hideServer
  )
    return null;
  return new HeaderEdits(route.responseHeaders, missing, route.hideServer);
}

function nameOf(name: string): Name {
  const bytes = ascii(name.toLowerCase());
  return { bytes, first: (bytes[0] as number) | 32 };
}

function indexOfName(
  names: readonly Name[],
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const first = (bytes[start] as number) | 32;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as Name;
    if (name.first === first && equalsFolded(bytes, start, end, name.bytes)) return i;
  }
  return -1;
}

function addedFields(fields: readonly (readonly [string, string])[]): AddedFields {
  if (fields.length === 0) return noFields;
  return {
    lines: fields.map(([name, value]) => `${name}: ${value}\r\n`).join(''),
    pairs: fields.map(([name, value]) => [name.toLowerCase(), value]),
  };
}
