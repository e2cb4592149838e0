/** Host calls as a guest would make them: a memory of one page, texts put into it, calls by name. */
import { grants } from '#config/module-schema.ts';
import type { MetricSamples } from '#telemetry/metrics.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import { RequestView } from '#waf/request-view.ts';
import { Transaction } from '#waf/transaction.ts';
import { GuestMemory } from '#wasm/guest-memory.ts';
import type { HostServices, LogLevel } from '#wasm/host-services.ts';
import { CallBudget, type HostCallContext, type HostedModule } from '#wasm/hostcalls/call-site.ts';
import { hostCallImports } from '#wasm/hostcalls/host-calls.ts';
import { RegisteredModuleMetrics } from '#wasm/services/module-metrics.ts';
import { trialServices } from '#wasm/services/trial-services.ts';

export const allGrants: readonly string[] = grants;

export function testTransaction(changes: { clientAddress?: string; isMonitored?: boolean } = {}) {
  return new Transaction(
    new RequestView(4),
    { clientAddress: changes.clientAddress ?? '198.51.100.7', tls: true },
    'id-1',
    'example.org /',
    'app',
    changes.isMonitored ?? false,
  );
}

export const pageBytes = 65_536;

export class HostCallHarness {
  readonly memory = new WebAssembly.Memory({ initial: 1, maximum: 32 });
  readonly budget = new CallBudget();
  readonly logged: { level: LogLevel; module: string; text: string }[] = [];
  readonly #registry = new MetricRegistry();
  readonly #views = new GuestMemory(this.memory);
  readonly services: HostServices;
  readonly #functions: Readonly<Record<string, (...parameters: never[]) => unknown>>;
  transaction: Transaction | null = testTransaction();
  isConfiguring = false;
  hasMemory = true;
  /** What host calls have written to. */
  readonly touched: [number, number][] = [];
  #free = 1_024;

  constructor(module: Partial<HostedModule> = {}, services: Partial<HostServices> = {}) {
    const trial = trialServices((level, name, text) => {
      this.logged.push({ level, module: name, text });
    });
    this.services = Object.assign(Object.create(trial) as HostServices, {
      metrics: new RegisteredModuleMetrics(this.#registry),
      ...bound(trial),
      ...services,
    });
    const context: HostCallContext = {
      memory: () => (this.hasMemory ? this.#views : null),
      subject: () => this.transaction,
      transaction: () => this.transaction,
      isConfiguring: () => this.isConfiguring,
      touch: (at, bytes) => {
        this.touched.push([at, bytes]);
      },
      module: {
        name: 'm',
        version: '0123abcd',
        grants: allGrants,
        fetch: [],
        databases: {},
        ...module,
      },
      services: this.services,
      budget: this.budget,
    };
    this.#functions = hostCallImports(context)['weir'] ?? {};
  }

  /** Puts bytes somewhere and answers address and length. */
  put(text: string | Uint8Array): [number, number] {
    const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
    const at = this.#free;
    Buffer.from(this.memory.buffer).set(bytes, at);
    this.#free += bytes.length + 8;
    return [at, bytes.length];
  }

  room(bytes: number): [number, number] {
    const at = this.#free;
    this.#free += bytes + 8;
    return [at, bytes];
  }

  text(at: number, length: number): string {
    return Buffer.from(this.memory.buffer).toString('utf8', at, at + length);
  }

  words(at: number, count: number): number[] {
    const bytes = Buffer.from(this.memory.buffer);
    return Array.from({ length: count }, (_, index) => bytes.readUInt32LE(at + index * 4));
  }

  call(name: string, ...parameters: readonly (number | bigint)[]): number | bigint | undefined {
    const host = this.#functions[name];
    if (host === undefined) throw new Error(`${name} is not granted`);
    return host(...(parameters as never[])) as number | bigint | undefined;
  }

  has(name: string): boolean {
    return this.#functions[name] !== undefined;
  }

  /** A call whose last two parameters are a buffer: the text it put there, null for -1. */
  read(name: string, parameters: readonly (number | bigint)[], max = 1_024): string | null {
    const [at, room] = this.room(max);
    const length = Number(this.call(name, ...parameters, at, room));
    return length === -1 ? null : this.text(at, length);
  }

  get samples(): MetricSamples {
    return this.#registry.samples();
  }
}

/** Methods of a class with private fields lose their object when it is only the prototype. */
function bound(services: HostServices): Partial<HostServices> {
  return {
    log: services.log.bind(services),
    values: services.values.bind(services),
    compileRegexSet: services.compileRegexSet.bind(services),
    verifySignature: services.verifySignature.bind(services),
    block: services.block.bind(services),
    database: services.database.bind(services),
  };
}
