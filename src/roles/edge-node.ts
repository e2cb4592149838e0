/**
 * A running edge as its management API sees it: the supervisor, the block store and the configuration,
 * put together behind `NodeControl`. Every change ends in a generation or a list version that all
 * workers have confirmed.
 */
import type {
  BlockAnswer,
  BlockEntry,
  BlockImport,
  BlockImportAnswer,
  BlockList,
  BlockPage,
  BlockRemoveAnswer,
  BlockRequest,
  CertificateStatus,
  DrainAnswer,
  ModuleHistory,
  ModuleLoadAnswer,
  ModuleLoadRequest,
  ModuleRemoveAnswer,
  ModuleStatus,
  NodeControl,
  NodeState,
  NodeStatus,
  ReloadAnswer,
  UpgradeAnswer,
} from '#admin/control.ts';
import type { Tried } from '#admin/replay-control.ts';
import type { AdminServer } from '#admin/server.ts';
import type { TopAnswer } from '#admin/shield-schema.ts';
import type { Config } from '#config/schema.ts';
import { assert } from '#core/assert.ts';
import { wallMs } from '#core/clock.ts';
import { WeirError } from '#core/errors.ts';
import type { TalkerOrder } from '#synproxy/top-talkers.ts';
import type { Logger } from '#telemetry/log.ts';
import { type MetricRegistry, mergeSamples, renderMetrics } from '#telemetry/metrics.ts';
import type { ModuleFile } from '#wasm/module-source.ts';
import type { CertificateWatch } from './certificate-watch.ts';
import { changedPaths, needsRestart, restartsNeeded } from './config-difference.ts';
import { fleetSamples } from './fleet-metrics.ts';
import { inspectionTerms } from './inspection-terms.ts';
import type { BlockItem, SnapshotSource } from './ipc.ts';
import { listenerStatus } from './listener-status.ts';
import { type LiveModules, type ModuleHost, plannedSources, trialOf } from './live-modules.ts';
import { noteRefused } from './module-admission.ts';
import { planModules } from './module-plan.ts';
import { fromApi, type ModuleRegistry } from './module-registry.ts';
import type { TrialTerms } from './module-trial.ts';
import type { NodeBlocks } from './node-blocks.ts';
import type { NodeCertificates, TlsPlan } from './node-certificates.ts';
import type { NodeFleet } from './node-fleet.ts';
import type { NodeMetrics } from './node-metrics.ts';
import type { NodeParts } from './node-parts.ts';
import type { NodeRules } from './node-rules.ts';
import type { NodeSockets } from './node-sockets.ts';
import type { NodeStores } from './node-stores.ts';
import { upgradeNode } from './node-upgrade.ts';
import type { OcspStapler } from './ocsp-stapler.ts';
import { requestTotals } from './request-totals.ts';
import { readRuleSource } from './rule-source.ts';
import { saidOfReload, withFreshModules } from './said-reload.ts';
import { notifyServiceManager } from './service-manager.ts';
import type { Shield } from './shield.ts';
import { ShieldMetrics } from './shield-metrics.ts';
import { shieldStatus, shieldTop } from './shield-status.ts';
import {
  type ConfigOrigin,
  type LoadedConfig,
  loadTried,
  readTlsPlan,
  readUpstreamFiles,
  type TriedConfig,
} from './snapshot-source.ts';
import type { Supervisor } from './supervisor.ts';
import { degradedUpstreams, upstreamStatus } from './upstream-status.ts';

/** How often expired blocks are taken out. */
const expireMs = 1_000;

export type EdgeNodeOptions = {
  readonly origin: ConfigOrigin;
  readonly loaded: LoadedConfig;
  readonly supervisor: Supervisor;
  readonly certificates: NodeCertificates;
  readonly tlsPlan: TlsPlan;
  readonly stapler: OcspStapler;
  readonly certificateWatch: CertificateWatch;
  readonly blocks: NodeBlocks;
  readonly rules: NodeRules;
  readonly fleet: NodeFleet;
  readonly shield: Shield;
  readonly parts: NodeParts;
  /** What blocks and rules are kept in. */
  readonly closeStores: () => void;
  /** After a successor that did not get there: the run file says this process again, the stores are open. */
  readonly takeBack: () => NodeStores;
  readonly entry: string;
  readonly sockets: NodeSockets;
  readonly registry: MetricRegistry;
  readonly metrics: NodeMetrics;
  readonly version: string;
  readonly log: Logger;
  readonly onDrained: () => void;
};

export class EdgeNode implements NodeControl {
  readonly #options: EdgeNodeOptions;
  readonly #startedAtMs = wallMs();
  readonly #timer: NodeJS.Timeout;
  readonly #shieldMetrics: ShieldMetrics;
  #loaded: LoadedConfig;
  #loadedAt = new Date().toISOString();
  #tlsPlan: TlsPlan;
  #state: NodeState = 'ready';
  #admin: AdminServer | null = null;
  #modules: { readonly live: LiveModules; readonly registry: ModuleRegistry } | null = null;
  /** Changes are made one after another, from reading the files to the last worker's reply. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(options: EdgeNodeOptions) {
    const { loaded } = options;
    this.#options = options;
    this.#loaded = loaded;
    this.#tlsPlan = options.tlsPlan;
    this.#shieldMetrics = new ShieldMetrics(options.shield);
    this.#timer = setInterval(() => void this.#expire(), expireMs);
    this.#timer.unref();
  }

  set admin(server: AdminServer) {
    this.#admin = server;
  }

  /** Set once, before the first call. */
  set modules(modules: { readonly live: LiveModules; readonly registry: ModuleRegistry }) {
    this.#modules = modules;
  }

  get modules(): { readonly live: LiveModules; readonly registry: ModuleRegistry } {
    assert(this.#modules !== null, 'set when the node was put together');
    return this.#modules;
  }

  /** What the registry works with; `samples` are those of the last look. */
  get moduleHost(): ModuleHost {
    const { supervisor } = this.#options;
    return {
      goLive: async (modules, trial) => {
        const workers = await this.#goLive({ modules }, trial);
        return { workers, generation: supervisor.snapshot.generation };
      },
      oneAtATime: (change) => this.#oneAtATime(change),
      setDegraded: (part, reason) => supervisor.setDegraded(part, reason),
      samples: () => supervisor.lastSamples(),
      generation: () => supervisor.snapshot.generation,
      workers: () => supervisor.workersLive,
    };
  }

  blockItems(): { version: number; items: BlockItem[] } {
    return this.#options.blocks.items();
  }

  async closeStore(): Promise<void> {
    await this.#options.fleet.close(this.#state === 'draining');
    await this.#options.parts.close();
    this.#options.closeStores();
    this.modules.live.close();
  }

  get life(): NodeControl['life'] {
    return { state: this.#state, workers: this.#options.supervisor.status() };
  }

  async status(): Promise<NodeStatus> {
    const { supervisor, version } = this.#options;
    const { config } = this.#loaded;
    this.#options.certificateWatch.look();
    const samples = await supervisor.samples();
    const upstreams = upstreamStatus(config, samples, supervisor.serverReasons);
    return {
      version,
      nodeVersion: process.version,
      pid: process.pid,
      state: this.#state,
      startedAt: new Date(this.#startedAtMs).toISOString(),
      uptimeSeconds: Math.floor((wallMs() - this.#startedAtMs) / 1_000),
      listeners: listenerStatus(config, supervisor.addresses),
      admin: { address: this.#admin?.address ?? '' },
      workers: supervisor.status(),
      config: {
        file: this.#loaded.file,
        sha256: this.#loaded.sha256,
        generation: supervisor.snapshot.generation,
        loadedAt: this.#loadedAt,
      },
      modules: this.listModules(),
      upstreams,
      certificates: this.listCertificates(),
      blocks: this.#options.blocks.status(),
      rules: await this.#options.rules.status(),
      fleet: this.#options.fleet.status(),
      shield: await shieldStatus(this.#options.shield),
      parts: this.#options.parts.status(),
      requests: requestTotals(samples),
      degraded: [...supervisor.degraded, ...degradedUpstreams(config, upstreams)],
    };
  }

  async metrics(): Promise<string> {
    const { supervisor, registry, metrics, certificateWatch } = this.#options;
    this.#options.certificates.observe();
    metrics.workerRestarts.value = supervisor.restartsTotal;
    metrics.workerHangs.value = supervisor.watch.hangsTotal;
    metrics.blockEntries.value = this.#options.blocks.count;
    metrics.generation.value = supervisor.snapshot.generation;
    return renderMetrics(
      registry.families,
      mergeSamples([
        registry.samples(),
        certificateWatch.samples(),
        fleetSamples(this.#options.fleet),
        ...(await Promise.all([supervisor.samples(), this.#shieldMetrics.samples()])),
      ]),
    );
  }

  // ── block list ────────────────────────────────────────────────────────────────────────────────────

  listBlocks(page: BlockPage): Promise<BlockList> {
    return this.#options.blocks.list(page);
  }

  get config(): Config {
    return this.#loaded.config;
  }

  findBlock(target: string): BlockEntry | null {
    return this.#options.blocks.find(target);
  }

  async addBlock(request: BlockRequest): Promise<BlockAnswer> {
    this.refuseWhileUpgrading();
    return this.#options.blocks.add(request);
  }

  async importBlocks(request: BlockImport): Promise<BlockImportAnswer> {
    this.refuseWhileUpgrading();
    return this.#options.blocks.import(request, () => this.refuseWhileUpgrading());
  }

  get blocks(): NodeBlocks {
    return this.#options.blocks;
  }

  async removeBlock(text: string): Promise<BlockRemoveAnswer> {
    this.refuseWhileUpgrading();
    return this.#options.blocks.remove(text);
  }

  /** Another packet program, between other changes. */
  swapProgram(next: Parameters<Shield['swap']>[0]): Promise<void> {
    return this.#oneAtATime(async () => {
      if (this.#state !== 'ready')
        throw new WeirError('SHUTTING_DOWN', 'the node is draining and takes no changes');
      await this.#options.shield.swap(next);
    });
  }

  shieldTop(by: TalkerOrder, count: number): Promise<TopAnswer> {
    return shieldTop(this.#options.shield, by, count);
  }

  async #expire(): Promise<void> {
    if (this.#state !== 'ready') return;
    await this.#options.blocks.expire();
    await this.#options.rules.expire();
  }

  get rules(): NodeRules {
    return this.#options.rules;
  }

  get parts() {
    return this.#options.parts.controls;
  }

  get fleet(): NodeFleet {
    return this.#options.fleet;
  }

  // ── rules and configuration ───────────────────────────────────────────────────────────────────────

  listModules(): readonly ModuleStatus[] {
    return this.modules.live.list();
  }

  moduleHistory(name: string): ModuleHistory {
    return this.modules.registry.history(name);
  }

  loadModule(name: string, request: ModuleLoadRequest): Promise<ModuleLoadAnswer> {
    return this.modules.registry.load(name, { ...request, ...fromApi });
  }

  rollbackModule(name: string, to: number | null): Promise<ModuleLoadAnswer> {
    return this.modules.registry.rollback(name, to);
  }

  removeModule(name: string, version: number): Promise<ModuleRemoveAnswer> {
    return this.modules.registry.remove(name, version);
  }

  reload(tried: Tried | null = null): Promise<ReloadAnswer> {
    const { origin, supervisor } = this.#options;
    const load = () => loadTried(origin, tried, supervisor.snapshot.generation);
    return saidOfReload(() => this.#reloadAs(load), this.#options);
  }

  /** The configuration as it is live, with a change that is not of its file. */
  reloadOver(change: (live: LoadedConfig) => Promise<LoadedConfig>): Promise<ReloadAnswer> {
    return this.#reloadAs(() => change(this.#loaded));
  }

  /** What the configured source of a module holds by now. */
  configuredModule(name: string): Promise<ModuleFile> {
    const rule = this.#loaded.config.waf.rules[name];
    assert(rule !== undefined, 'what is live is configured');
    return readRuleSource(name, rule, this.#loaded, null);
  }

  #reloadAs(load: () => Promise<TriedConfig>): Promise<ReloadAnswer> {
    return this.#oneAtATime(async () => {
      try {
        const answer = await this.#reload(load);
        this.#options.metrics.reloads.ok.value++;
        return answer;
      } catch (error) {
        this.#options.metrics.reloads.failed.value++;
        this.modules.live.noteLastErrors();
        throw error;
      }
    });
  }

  async #reload(load: () => Promise<TriedConfig>): Promise<ReloadAnswer> {
    const { tried = null, ...loaded } = await load();
    const paths = changedPaths(this.#loaded.config, loaded.config);
    const fixed = paths.filter(needsRestart);
    if (fixed.length > 0) {
      throw new WeirError(
        'CONFIG_NEEDS_RESTART',
        `this needs a new process, so nothing was changed: ${restartsNeeded(fixed)}`,
        { details: fixed },
      );
    }
    const planned = await planModules(loaded, this.modules.live.store, this.#options.log, tried);
    const fresh = planned.filter((module) => this.modules.live.isNew(module));
    const changed = withFreshModules(paths, fresh);
    const tlsPlan = await readTlsPlan(loaded.config);
    const generation = this.#options.supervisor.snapshot.generation + 1;
    const { certificates } = this.#options;
    await certificates.configure(loaded.config);
    let workers: number;
    try {
      workers = await this.#goLive(
        {
          config: loaded.config,
          ...certificates.fill(tlsPlan),
          upstreamFiles: await readUpstreamFiles(loaded.config),
          modules: plannedSources(planned),
        },
        trialOf(loaded.config.waf.canaryMs, fresh),
      );
    } catch (error) {
      for (const module of fresh)
        noteRefused(this.modules.live.store, module, 'config', module.source, error);
      await certificates.configure(this.#loaded.config);
      throw error;
    } finally {
      certificates.start();
    }
    this.#tlsPlan = tlsPlan;
    await this.modules.live.adopt(loaded, planned);
    await this.#options.shield.changeAllowed(loaded.config.edge.allow);
    await this.#options.shield.changeGuards(loaded.config.kernel);
    await this.#options.fleet.protect(loaded.config);
    await this.#options.parts.follow(loaded.config);
    this.#loaded = loaded;
    this.#options.rules.follow();
    this.#loadedAt = new Date().toISOString();
    this.#options.log.info({ generation, changed, workers }, 'configuration live');
    return { generation, sha256: loaded.sha256, workers, changed };
  }

  // ── certificates ──────────────────────────────────────────────────────────────────────────────────

  listCertificates(): readonly CertificateStatus[] {
    return this.#options.certificates.list();
  }

  renewCertificate(name: string): Promise<CertificateStatus> {
    return this.#options.certificates.renew(name);
  }

  makeCertificatesLive(): Promise<number> {
    return this.#oneAtATime(() => this.#goLive(this.#options.certificates.fill(this.#tlsPlan)));
  }

  /** The workers get the OCSP responses that are at hand now. */
  makeStaplesLive(): Promise<number> {
    return this.#oneAtATime(() => this.#goLive({}));
  }

  async #goLive(
    change: Partial<Omit<SnapshotSource, 'generation'>>,
    trial: TrialTerms | null = null,
  ): Promise<number> {
    const { supervisor, stapler } = this.#options;
    const before = supervisor.snapshot;
    const next = { ...before, ...change, generation: before.generation + 1 };
    const certificates = stapler.staple(next.certificates, next.config);
    // First where there is one of it: a module that cannot be there is refused before any worker has it.
    await this.#options.shield.changeInspection(inspectionTerms(next));
    try {
      return await supervisor.apply({ ...next, certificates }, trial);
    } catch (error) {
      await this.#options.shield.changeInspection(inspectionTerms(before));
      throw await this.modules.registry.places.tellRefused(error, next.modules);
    }
  }

  #oneAtATime<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(change);
    this.#changes = result.catch(() => {});
    return result;
  }

  // ── ending ────────────────────────────────────────────────────────────────────────────────────────

  drain(): Promise<DrainAnswer> {
    const { drainMs, drainIdleMs } = this.#loaded.config.edge.timeouts;
    return this.#end(drainMs, drainIdleMs);
  }

  stop(graceMs: number): Promise<DrainAnswer> {
    return this.#end(graceMs, 0);
  }

  /** Another process takes over, from the program that stands on disk now; this one drains. */
  upgrade(): Promise<UpgradeAnswer> {
    return this.#oneAtATime(() =>
      upgradeNode({
        ...this.#options,
        state: () => this.#state,
        setState: (state) => {
          this.#state = state;
        },
        blockItems: () => this.blockItems(),
        closeStores: () => this.closeStore(),
        reopen: (stores) => {
          this.#options.blocks.reopen(stores.blocks, stores.fleet?.enforced ?? null);
          this.#options.rules.reopen(stores.rules);
          this.modules.live.reopen();
          void this.#options.parts.restart(this.#loaded.config);
        },
        stopListening: () => this.#admin?.stopListening(),
        end: () => {
          const { drainMs, idleMs } = this.#loaded.config.edge.timeouts;
          return this.#end(drainMs, idleMs);
        },
      }),
    );
  }

  refuseWhileUpgrading(): void {
    if (this.#state === 'upgrading')
      throw new WeirError('SHUTTING_DOWN', 'an upgrade is under way; say it again in a moment');
  }

  async #end(graceMs: number, idleMs: number): Promise<DrainAnswer> {
    const { supervisor, log, onDrained } = this.#options;
    const openConnections = supervisor.lastSamples().get('weir_connections_open') ?? null;
    // After an upgrade the service goes on in another process.
    if (this.#state === 'ready') notifyServiceManager(['STOPPING=1']);
    if (this.#state !== 'draining') log.info({ graceMs, openConnections }, 'draining');
    this.#state = 'draining';
    this.#options.fleet.announce();
    clearInterval(this.#timer);
    // Orders end where they are, and are taken up again at the next start.
    void this.#options.certificates.close();
    void supervisor.drain(graceMs, idleMs).then(onDrained);
    return {
      state: 'draining',
      openConnections,
      deadline: new Date(wallMs() + graceMs).toISOString(),
    };
  }
}
