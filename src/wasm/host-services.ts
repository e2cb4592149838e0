/**
 * What a worker gives to the modules it runs, whatever their ABI. `services/` is the real one; whoever
 * runs a module outside a worker (validation, `weir module test`) takes the same without its connections.
 *
 * Everything is kept apart by module name: no module sees what another one keeps.
 */
import type { Series } from '#telemetry/metrics.ts';
import type { HttpCall, HttpReply } from './services/http-client.ts';

/** As in the host call `log`. */
export const logLevel = { error: 1, warn: 2, info: 3, debug: 4 } as const;
export type LogLevel = (typeof logLevel)[keyof typeof logLevel];

export interface HostServices {
  /** One line; the receiver bounds how many a second are written. */
  log(level: LogLevel, module: string, text: string): void;
  wallMs(): number;
  /** From an arbitrary start; never goes back. */
  monotonicMicros(): number;
  /** Key-value and counts of one module, shared by the requests of this worker, of all workers of the node or, counts alone, of all nodes of the fleet. */
  values(scope: SharedScope, module: string): SharedValues;
  readonly limiter: Limiter;
  /** The same over the fleet. */
  readonly fleetLimiter: Limiter;
  readonly metrics: ModuleMetrics;
  /** Why the pattern set cannot be had, as text. */
  compileRegexSet(patterns: readonly string[]): RegexSet | string;
  readonly fetcher: Fetcher;
  /** By RFC 7518 and 8037, the key a JWK as JSON. Null where key and algorithm do not go together or are not known. */
  verifySignature(
    algorithm: string,
    jwk: string,
    data: Uint8Array,
    signature: Uint8Array,
  ): boolean | null;
  /** Null: accepted, the block is under way to all workers. Else why not. */
  block(module: string, address: string, ttlSeconds: number, reason: string): BlockRefusal | null;
  /**
   * Whole lines, each match of a SecLang rule one; there before the answer to the request is. They are put together
   * where somebody keeps them.
   */
  writeMatches(lines: () => string): void;
  /** What of a match may be logged. */
  redactMatch(texts: MatchTexts, route: string): MatchTexts;
  /** Of one of the files that the configuration names; null where it is not loaded. */
  database(file: string): AddressDatabase | null;
}

/** Of the match of a SecLang rule, latin1: where, what, and what its rule says of it. */
export type MatchTexts = {
  readonly name: string;
  readonly value: string;
  readonly data: string;
  readonly message: string;
};

export type SharedScope = 'worker' | 'node' | 'fleet';

/** Keys are latin1 text. */
export interface SharedValues {
  get(key: string): Buffer | undefined;
  /** Keeps `value` itself. A `ttlMs` of 0: until it is pushed out. False where it is too large. */
  set(key: string, value: Buffer, ttlMs: number): boolean;
  delete(key: string): boolean;
  /** Adds `delta` to the count of the window and answers what it is then. */
  count(key: string, delta: number, windowMs: number): number;
}

/** Token buckets of verdicts of kind limit. */
export interface Limiter {
  /** 0: taken. Else nothing is taken and these seconds have to pass until it could be. */
  take(module: string, key: string, cost: number, capacity: number, periodSeconds: number): number;
}

export type MetricKind = 'counter' | 'gauge';

/** A counter or gauge that a module has defined. */
export interface CustomMetric {
  readonly kind: MetricKind;
  add(delta: number): void;
  set(value: number): void;
}

export interface ModuleMetrics {
  /** The same series each time. */
  hostCalls(module: string, call: string): Series;
  /** The same one for the same name. Why it cannot be had, as text. */
  define(module: string, kind: MetricKind, name: string): CustomMetric | string;
}

export interface RegexSet {
  readonly size: number;
  /** Indexes of the patterns that match somewhere in `text` (latin1), ascending. */
  match(text: string): readonly number[];
}

/** What may be fetched, as the configuration of the module says. */
export type FetchGrant = { readonly module: string; readonly prefixes: readonly string[] };

export interface Fetcher {
  /**
   * Gets `url` and leaves the body of a 200 under `key` in the worker's values of the module. `fresh`:
   * it lies there from an earlier fetch and its `ttlMs` has not passed.
   */
  fetch(
    grant: FetchGrant,
    url: string,
    key: string,
    ttlMs: number,
  ): 'started' | 'fresh' | 'refused';
  /** One request, to where the caller has found it may go; null where there is no answer. */
  call(module: string, call: HttpCall, signal: AbortSignal): Promise<HttpReply | null>;
}

export const blockRefusals = ['address', 'protected', 'budget', 'ttl', 'unavailable'] as const;
export type BlockRefusal = (typeof blockRefusals)[number];

export interface AddressDatabase {
  /** Text of what lies at `path` for the address, `country.iso_code` for one; null for nothing. */
  lookup(address: string, path: string): string | null;
}
