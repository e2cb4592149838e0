/**
 * The services behind a module while its cases run: the real ones, with a clock that stands still until a
 * case moves it, and with everything that would leave the process written down instead.
 *
 * Each case begins with empty stores, full buckets and what the case says is there already.
 */
import { MetricRegistry } from '#telemetry/metrics.ts';
import type {
  AddressDatabase,
  BlockRefusal,
  Fetcher,
  HostServices,
  Limiter,
  LogLevel,
  MatchTexts,
  ModuleMetrics,
  RegexSet,
  SharedScope,
  SharedValues,
} from '#wasm/host-services.ts';
import { FleetLimiter } from '#wasm/services/fleet-limiter.ts';
import { RegisteredModuleMetrics } from '#wasm/services/module-metrics.ts';
import { RegexSets } from '#wasm/services/regex-sets.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { Signatures } from '#wasm/services/signatures.ts';
import { TokenBuckets } from '#wasm/services/token-buckets.ts';
import type { RunnableCase } from './read-cases.ts';

const levelWords: Readonly<Record<LogLevel, string>> = {
  1: 'error',
  2: 'warn',
  3: 'info',
  4: 'debug',
};

export class CaseServices implements HostServices {
  readonly metrics: ModuleMetrics = new RegisteredModuleMetrics(new MetricRegistry());
  readonly fetcher: Fetcher;
  readonly #regexSets = new RegexSets();
  readonly #signatures = new Signatures();
  #nowMs = 0;
  #elapsedMs = 0;
  #values = this.#stores();
  #limiter: Limiter = this.#buckets();
  #databases: RunnableCase['databases'] = {};
  /** Of the request under way. */
  lines: string[] = [];
  blocks: string[] = [];

  constructor() {
    // What a case has put under the key is what would have been fetched.
    this.fetcher = {
      fetch: ({ module }, _url, key) =>
        this.#values.worker.of(module).get(key) === undefined ? 'started' : 'fresh',
      call: async () => null,
    };
  }

  /** Before the instance for a case is made. */
  begin(module: string, { nowMs, values, databases }: RunnableCase): void {
    this.#nowMs = nowMs;
    this.#elapsedMs = 0;
    this.#databases = databases;
    this.#limiter = this.#buckets();
    this.#values = this.#stores();
    for (const scope of ['worker', 'node'] as const)
      for (const [key, value] of Object.entries(values[scope] ?? {}))
        this.#values[scope].of(module).set(key, Buffer.from(value), 0);
  }

  /** Before each request of it. */
  next(afterMs: number): void {
    this.#nowMs += afterMs;
    this.#elapsedMs += afterMs;
    this.lines = [];
    this.blocks = [];
  }

  /** Its matches are what the case says of them; nobody reads lines. */
  writeMatches(): void {}

  redactMatch(texts: MatchTexts): MatchTexts {
    return texts;
  }

  get limiter(): Limiter {
    return this.#limiter;
  }

  /** Of a fleet of this node alone. */
  get fleetLimiter(): Limiter {
    return new FleetLimiter(this.#values.fleet, () => this.#nowMs);
  }

  log(level: LogLevel, _module: string, text: string): void {
    this.lines.push(`${levelWords[level]}: ${text}`);
  }

  wallMs(): number {
    return this.#nowMs;
  }

  monotonicMicros(): number {
    return this.#elapsedMs * 1_000;
  }

  values(scope: SharedScope, module: string): SharedValues {
    return this.#values[scope].of(module);
  }

  compileRegexSet(patterns: readonly string[]): RegexSet | string {
    return this.#regexSets.compile(patterns);
  }

  verifySignature(
    algorithm: string,
    jwk: string,
    data: Uint8Array,
    signature: Uint8Array,
  ): boolean | null {
    return this.#signatures.verify(algorithm, jwk, data, signature);
  }

  block(_module: string, address: string, ttlSeconds: number, reason: string): BlockRefusal | null {
    this.blocks.push(`${address} for ${ttlSeconds} s: ${reason}`);
    return null;
  }

  /** A case names what its databases say, so each is its own file. */
  database(file: string): AddressDatabase | null {
    const entries = this.#databases[file] ?? {};
    return { lookup: (address, path) => entries[address]?.[path] ?? null };
  }

  #stores() {
    return { worker: this.#store(), node: this.#store(), fleet: this.#store() };
  }

  #store(): SharedStore {
    return new SharedStore({
      writer: 0,
      wallMs: () => this.#nowMs,
      onEvicted: () => {},
      outlet: null,
    });
  }

  #buckets(): TokenBuckets {
    return new TokenBuckets([0, 0], { nowMs: () => this.#elapsedMs });
  }
}
