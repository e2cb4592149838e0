/**
 * The services of this worker's modules, with what leads out of it: the log, the supervisor (blocks, what
 * all workers share), the network, and files of the configuration.
 */
import type { Config } from '#config/schema.ts';
import { CidrMap } from '#core/cidr-map.ts';
import { monotonicMs, wallMs } from '#core/clock.ts';
import { createLog, type Logger } from '#telemetry/log.ts';
import type { MetricRegistry } from '#telemetry/metrics.ts';
import type { HostServices } from '#wasm/host-services.ts';
import { retainProxyWasmStates } from '#wasm/proxy-wasm/services.ts';
import { type BlockOrder, BlockRequests } from '#wasm/services/block-requests.ts';
import { DatabaseFiles } from '#wasm/services/database-files.ts';
import { HttpClient } from '#wasm/services/http-client.ts';
import { ModuleFetcher } from '#wasm/services/module-fetcher.ts';
import { RegisteredModuleMetrics } from '#wasm/services/module-metrics.ts';
import { ModuleServices } from '#wasm/services/module-services.ts';
import { NodeSync } from '#wasm/services/node-sync.ts';
import type { Post } from '#wasm/services/outbox.ts';
import { applyBatch, type SharedBatch } from '#wasm/services/shared-batch.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { type HashKey, TokenBuckets } from '#wasm/services/token-buckets.ts';
import { MatchLog } from './match-log.ts';
import { MatchRedactor } from './match-redactor.ts';
import { protectedAddresses } from './protected-addresses.ts';
import { sharingNames } from './sharing-names.ts';

/** How often values that have expired are looked for, and how many of a module at once. */
const sweepMs = 1_000;
const sweepEntries = 1_000;

const methods = { 1: 'error', 2: 'warn', 3: 'info', 4: 'debug' } as const;

export type WorkerServicesOptions = {
  readonly registry: MetricRegistry;
  readonly slot: number;
  readonly logLevel: string;
  readonly hashKey: HashKey;
  /** False where the supervisor cannot be reached. */
  readonly sendBlock: (order: BlockOrder) => boolean;
  /** To the other workers. */
  readonly postShared: Post;
};

export class WorkerServices {
  readonly host: HostServices;
  readonly #log: Logger;
  readonly #metrics: RegisteredModuleMetrics;
  readonly #worker: SharedStore;
  readonly #node: SharedStore;
  readonly #fleet: SharedStore;
  readonly #buckets: TokenBuckets;
  readonly #fetcher: ModuleFetcher;
  readonly #client = new HttpClient();
  readonly #databases = new DatabaseFiles();
  readonly #matchLog = new MatchLog();
  readonly #redactor = new MatchRedactor();
  readonly #timer: NodeJS.Timeout;
  #protected: CidrMap<true> = new CidrMap(1);

  constructor(options: WorkerServicesOptions) {
    const { registry, slot, logLevel, hashKey, sendBlock, postShared } = options;
    this.#log = createLog(logLevel, 'module');
    const metrics = new RegisteredModuleMetrics(registry);
    this.#metrics = metrics;
    const onEvicted = (module: string, what: string): void => {
      metrics.counter('evicted', { module, what }).value++;
    };
    const bucketsForgotten = metrics.counter('bucketsForgotten', {});
    const dropped = metrics.counter('syncDropped', {});
    const sync = new NodeSync(postShared, (changes) => {
      dropped.value += changes;
    });
    this.#worker = new SharedStore({ writer: slot, wallMs, onEvicted, outlet: null });
    this.#node = new SharedStore({ writer: slot, wallMs, onEvicted, outlet: sync });
    this.#fleet = new SharedStore({ writer: slot, wallMs, onEvicted, outlet: sync.fleet });
    this.#buckets = new TokenBuckets(hashKey, {
      outlet: sync,
      onForgotten: () => {
        bucketsForgotten.value++;
      },
    });
    const writeLog: ConstructorParameters<typeof ModuleServices>[0]['writeLog'] = (
      level,
      module,
      text,
    ) => this.#log[methods[level]]({ module }, text);
    this.#fetcher = new ModuleFetcher({
      client: this.#client,
      values: (module) => this.#worker.of(module),
      log: writeLog,
      onResult: (module, result) => {
        metrics.counter('fetches', { module, result }).value++;
      },
      nowMs: monotonicMs,
    });
    const blocks = new BlockRequests({
      isProtected: (address) => this.#protected.lookup(address) !== undefined,
      send: sendBlock,
    });
    this.host = new ModuleServices({
      metrics,
      worker: this.#worker,
      node: this.#node,
      fleet: this.#fleet,
      limiter: this.#buckets,
      fetcher: this.#fetcher,
      writeLog,
      block: (module, address, ttlSeconds, reason) =>
        blocks.block(module, address, ttlSeconds, reason),
      database: (file) => this.#databases.get(file),
      writeMatches: (lines) => this.#matchLog.write(lines),
      redactMatch: (texts, route) => this.#redactor.redact(texts, route),
    });
    this.#timer = setInterval(() => {
      this.#worker.sweep(sweepEntries);
      this.#node.sweep(sweepEntries);
    }, sweepMs);
    this.#timer.unref();
  }

  applyShared(batch: SharedBatch): void {
    const parts = { store: this.#node, fleet: this.#fleet, buckets: this.#buckets };
    applyBatch(batch, parts, wallMs());
  }

  /** What modules of a configuration need before they are made. Throws where a file cannot be used. */
  async prepare(config: Config): Promise<void> {
    await this.#redactor.compile(config.accessLog.redact);
    await this.#databases.load(databaseFiles(config));
  }

  /** The configuration that is live now. */
  follow(config: Config): void {
    this.#log.level = config.log.level;
    this.#matchLog.open(config.waf.matchLog);
    this.#redactor.follow(config);
    this.#protected = protectedAddresses(config);
    const names = sharingNames(config);
    for (const part of [this.#worker, this.#node, this.#fleet, this.#fetcher, this.#metrics])
      part.retain(names);
    retainProxyWasmStates(this.host, names);
    this.#databases.retain(new Set(databaseFiles(config)));
  }
}

const databaseFiles = (config: Config): string[] =>
  Object.values(config.waf.rules).flatMap(({ databases }) => Object.values(databases));
