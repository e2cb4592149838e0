/**
 * The services of one worker, put together. What leads out of the worker (log, block list, other workers,
 * network, files) is given, so the same runs wherever a module does.
 */
import { monotonicMs, wallMs } from '#core/clock.ts';
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
} from '../host-services.ts';
import { plainText } from './block-requests.ts';
import { FleetLimiter } from './fleet-limiter.ts';
import type { RegisteredModuleMetrics } from './module-metrics.ts';
import { RateGate } from './rate-gate.ts';
import { RegexSets } from './regex-sets.ts';
import type { SharedStore } from './shared-store.ts';
import { Signatures } from './signatures.ts';

/** Of one module in one worker. */
export const logLinesASecondMax = 100;

export type ModuleServicesOptions = {
  readonly metrics: RegisteredModuleMetrics;
  readonly worker: SharedStore;
  readonly node: SharedStore;
  readonly fleet: SharedStore;
  readonly limiter: Limiter;
  readonly fetcher: Fetcher;
  readonly writeLog: (level: LogLevel, module: string, text: string) => void;
  readonly block: HostServices['block'];
  readonly writeMatches: (lines: () => string) => void;
  readonly redactMatch: (texts: MatchTexts, route: string) => MatchTexts;
  readonly database: (file: string) => AddressDatabase | null;
};

export class ModuleServices implements HostServices {
  readonly limiter: Limiter;
  readonly fleetLimiter: Limiter;
  readonly metrics: ModuleMetrics;
  readonly fetcher: Fetcher;
  readonly #options: ModuleServicesOptions;
  readonly #regexSets = new RegexSets();
  readonly #signatures = new Signatures();
  readonly #logGate = new RateGate(logLinesASecondMax, 1_000, monotonicMs);

  constructor(options: ModuleServicesOptions) {
    this.#options = options;
    this.limiter = options.limiter;
    this.fleetLimiter = new FleetLimiter(options.fleet);
    this.metrics = options.metrics;
    this.fetcher = options.fetcher;
  }

  log(level: LogLevel, module: string, text: string): void {
    if (this.#logGate.take(module)) this.#options.writeLog(level, module, plainText(text));
    else this.#options.metrics.counter('logDropped', { module }).value++;
  }

  writeMatches(lines: () => string): void {
    this.#options.writeMatches(lines);
  }

  redactMatch(texts: MatchTexts, route: string): MatchTexts {
    return this.#options.redactMatch(texts, route);
  }

  wallMs(): number {
    return wallMs();
  }

  monotonicMicros(): number {
    return monotonicMs() * 1_000;
  }

  values(scope: SharedScope, module: string): SharedValues {
    return this.#options[scope].of(module);
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

  block(module: string, address: string, ttlSeconds: number, reason: string): BlockRefusal | null {
    const refusal = this.#options.block(module, address, ttlSeconds, reason);
    this.#options.metrics.counter('blocks', { module, result: refusal ?? 'accepted' }).value++;
    return refusal;
  }

  database(file: string): AddressDatabase | null {
    return this.#options.database(file);
  }
}
