/**
 * A module that speaks the http-wasm handler ABI, as requests meet it: the plugins written for Traefik.
 *
 * Instances keep state between calls, so each exchange has one to itself (`guest-pool.ts`); one that fails
 * is thrown away, and the request gets the module's policy.
 */
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { failureStop } from '../failure-stop.ts';
import { type Filter, type FilterRun, phase, type Resume } from '../filter.ts';
import { GuestFailure } from '../guest-failure.ts';
import type { OnFailure } from '../live-module.ts';
import { feature, supportedFeatures } from './abi.ts';
import { HttpGuest, type HttpGuestOptions, type OnLog } from './guest.ts';
import { GuestPool } from './guest-pool.ts';
import { HttpWasmRun } from './http-wasm-run.ts';

export type HttpWasmSource = {
  readonly name: string;
  readonly sha256: string;
  readonly failure: 'closed' | 'open';
  /** JSON text. */
  readonly config: string;
  readonly fuel: number;
};

export class HttpWasmModule implements Filter {
  readonly name: string;
  readonly sha256: string;
  readonly abi = 'http-wasm';
  readonly phases: number;
  readonly failure: 'closed' | 'open';
  /** Enabled at start, for every request; and what a request may enable beside. */
  readonly features: number;
  readonly featuresAvailable: number;
  readonly pool: GuestPool;
  /** Of a request, as modules have room for it. */
  readonly headBytesMax: number;
  readonly #onFailure: OnFailure;
  readonly #used = { fuel: 0 };
  #failures = 0;
  #lastFailure: string | null = null;

  /** Throws `GuestFailure` when the first instance cannot be made. */
  constructor(
    source: HttpWasmSource,
    compiled: WebAssembly.Module,
    headBytesMax: number,
    onFailure: OnFailure,
    log: OnLog,
  ) {
    this.name = source.name;
    this.sha256 = source.sha256;
    this.failure = source.failure;
    this.headBytesMax = headBytesMax;
    this.#onFailure = onFailure;
    const config = Buffer.from(configText(source.config));
    const options: HttpGuestOptions = {
      compiled,
      config,
      fuel: source.fuel,
      log,
      used: this.#used,
    };
    const first = new HttpGuest(options);
    this.pool = new GuestPool(() => new HttpGuest(options), first);
    const imported = new Set(WebAssembly.Module.imports(compiled).map(({ name }) => name));
    this.features = first.features;
    this.featuresAvailable = availableFeatures(first, imported);
    this.phases = phasesOf(this.featuresAvailable, imported);
  }

  get failures(): number {
    return this.#failures;
  }

  get fuelUsed(): number {
    return this.#used.fuel;
  }

  get memoryBytes(): number {
    return this.pool.memoryBytes;
  }

  get lastFailure(): string | null {
    return this.#lastFailure;
  }

  begin(transaction: Transaction, resume: Resume): FilterRun {
    return new HttpWasmRun(this, transaction, resume);
  }

  fail(reason: string): Stop | null {
    // Its guests never wait; its requests do, for a guest.
    return this.onGuestFailure(new GuestFailure('capacity', reason));
  }

  close(): void {}

  /** Throws what is not the guest's doing. */
  onGuestFailure(error: unknown): Stop | null {
    if (!(error instanceof GuestFailure)) throw error;
    const message = error.describe();
    this.#failures++;
    this.#lastFailure = message;
    this.#onFailure(`rule module ${this.name} failed (policy ${this.failure}): ${message}`, error);
    return failureStop(this.name, this.failure, message);
  }
}

/**
 * A module that names its features at start has them and no more: whether a response is held back must be
 * known before its request comes. One that names them in a request, or may, is given everything.
 */
function availableFeatures(first: HttpGuest, imported: ReadonlySet<string>): number {
  if (!imported.has('enable_features')) return 0;
  return first.hasEnabledFeatures ? first.features | feature.bufferRequest : supportedFeatures;
}

function phasesOf(features: number, imported: ReadonlySet<string>): number {
  let phases = phase.requestHead | phase.responseHead | phase.log;
  // Only with these could it miss a body, or what follows it, that was not there yet.
  if (
    imported.has('read_body') ||
    imported.has('write_body') ||
    (features & feature.trailers) !== 0
  )
    phases |= phase.requestBody;
  if ((features & feature.bufferResponse) !== 0)
    phases |= phase.responseBody | phase.buffersResponse;
  return phases;
}

/** JSON, as Traefik gives it; a lone `text` stands for itself, as not every plugin wants JSON. */
function configText(json: string): string {
  const config = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const keys = Object.keys(config);
  const text = config['text'];
  return keys.length === 1 && typeof text === 'string' ? text : json;
}
