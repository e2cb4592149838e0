/**
 * What runs under each configured name, in memory and in the history, kept in step: a change is live in the
 * workers first and on record then, and one that cannot be recorded is taken back.
 */
import type { ModuleLoadAnswer, ModuleStatus } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';
import { assert } from '#core/assert.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { Signed } from '#core/module-signature.ts';
import type { ModuleVersion } from '#state/module-database.ts';
import type { ModuleStore } from '#state/module-store.ts';
import type { Logger } from '#telemetry/log.ts';
import type { MetricSamples } from '#telemetry/metrics.ts';
import type { ModuleSource } from './ipc.ts';
import { sourceMapPart } from './kept-source-map.ts';
import { newVersion } from './module-admission.ts';
import type { ModuleMetrics } from './module-metrics.ts';
import type { PlannedModule } from './module-plan.ts';
import {
  type LiveEntry,
  lastErrorOf,
  moduleStatus,
  offReason,
  quarantinePart,
} from './module-status.ts';
import type { TrialTerms } from './module-trial.ts';
import { readRuleSource } from './rule-source.ts';
import type { LoadedConfig } from './snapshot-source.ts';

/** What the modules need of the node. */
export type ModuleHost = {
  /** Makes the modules live in all workers, after the trial; throws when they are in none. */
  goLive(
    modules: readonly ModuleSource[],
    trial: TrialTerms | null,
  ): Promise<{ readonly generation: number; readonly workers: number }>;
  /** Runs a change when those before it have ended. */
  oneAtATime<T>(change: () => Promise<T>): Promise<T>;
  setDegraded(part: string, reason: string | null): void;
  samples(): MetricSamples;
  generation(): number;
  /** How many run that generation. */
  workers(): number;
};

export type LiveModulesOptions = {
  /** Opened at once, and again after an upgrade that failed. */
  readonly openStore: () => ModuleStore;
  readonly metrics: ModuleMetrics;
  readonly log: Logger;
  readonly host: ModuleHost;
};

export class LiveModules {
  readonly #options: LiveModulesOptions;
  #store: ModuleStore;
  #loaded: LoadedConfig;
  #isClosed = false;
  #live = new Map<string, LiveEntry>();
  /** Status is asked for while another process has the history. */
  readonly #lastErrors = new Map<string, string | null>();

  constructor(loaded: LoadedConfig, options: LiveModulesOptions) {
    this.#options = options;
    this.#store = options.openStore();
    this.#loaded = loaded;
  }

  get config(): Config {
    return this.#loaded.config;
  }

  get store(): ModuleStore {
    if (this.#isClosed)
      throw new WeirError('SHUTTING_DOWN', 'an upgrade is under way; say it again in a moment');
    return this.#store;
  }

  /** Another process has the history now. */
  close(): void {
    this.#isClosed = true;
    this.#store.close();
  }

  reopen(): void {
    this.#store = this.#options.openStore();
    this.#isClosed = false;
  }

  noteLastErrors(): void {
    for (const name of this.#live.keys()) this.noteLastError(name);
  }

  /** What status says of it; after every change, and every failure that was noted. */
  noteLastError(name: string): void {
    if (this.#isClosed) return;
    const entry = this.#live.get(name);
    if (entry === undefined) this.#lastErrors.delete(name);
    else this.#lastErrors.set(name, lastErrorOf(this.#store, name, entry.version.version));
  }

  list(): readonly ModuleStatus[] {
    const samples = this.#options.host.samples();
    return [...this.#live.values()].map((entry) =>
      moduleStatus(entry, this.#lastErrors.get(entry.name) ?? null, this.#loaded.config, samples),
    );
  }

  /** Why the source map of what is live is not used; null where it is, or none came. */
  noteSourceMap(name: string, fault: string | null): void {
    this.#options.host.setDegraded(sourceMapPart(name), fault);
  }

  /** Who watches the files of what is live. */
  onAdopted: ((planned: readonly PlannedModule[], loaded: LoadedConfig) => void) | null = null;

  /** What was planned at a start or a reload is live: the history follows. */
  async adopt(loaded: LoadedConfig, planned: readonly PlannedModule[]): Promise<void> {
    const generation = this.#options.host.generation();
    const before = this.#live;
    this.#loaded = loaded;
    this.#live = new Map(
      planned.map((module) => [module.name, this.#adoptOne(module, before, generation)]),
    );
    for (const name of before.keys()) if (!this.#live.has(name)) this.#forget(name);
    this.noteLastErrors();
    this.onAdopted?.(planned, loaded);
    await this.collect();
  }

  isLive(name: string, sha256: string): boolean {
    const entry = this.#live.get(name);
    return entry?.version.sha256 === sha256 && entry.off === null;
  }

  /** Which modules of a plan are new in the workers, or told something else. */
  isNew({ name, sha256, settings }: PlannedModule): boolean {
    const live = this.#live.get(name);
    return (
      live?.version.sha256 !== sha256 || JSON.stringify(live.settings) !== JSON.stringify(settings)
    );
  }

  #adoptOne(
    module: PlannedModule,
    before: ReadonlyMap<string, LiveEntry>,
    generation: number,
  ): LiveEntry {
    const { name, settings, source, path, bytes, configuredSha256, off, signed } = module;
    const { log, metrics, host } = this.#options;
    let { version } = module;
    if (version === null) {
      version = this.#store.addLive(newVersion(module, 'config', source, signed), configuredSha256);
      metrics.loaded('config', 'ok', null);
      log.info(
        { module: name, version: version.version, sha256: version.sha256, source },
        'module taken from its source',
      );
    } else {
      if (signed !== null && signed.signature !== version.signature)
        this.#store.sign(name, version.version, signed);
      if (version.sha256 === configuredSha256) this.#store.noteConfigured(name, configuredSha256);
      else
        log.info(
          { module: name, version: version.version, source },
          'module loaded by hand stays live: its file has not changed since',
        );
    }
    host.setDegraded(`module ${name} (version)`, module.gaveWay);
    this.noteSourceMap(name, module.sourceMapFault);
    host.setDegraded(quarantinePart(name), off === null ? null : offReason(version, off));
    metrics.live(name, off === null ? version.version : 0);
    const known = before.get(name);
    const isSame = known?.version.sha256 === version.sha256;
    return {
      name,
      settings,
      source,
      path,
      bytes,
      configuredSha256,
      version,
      generation: isSame ? known.generation : generation,
      off,
    };
  }

  /** Live first, then on record: a record that cannot be made takes the change back. */
  async replace(
    before: LiveEntry,
    next: {
      readonly bytes: Uint8Array;
      readonly sha256: string;
      readonly configuredSha256: string;
    },
    record: () => ModuleVersion,
  ): Promise<ModuleLoadAnswer> {
    const { host, log, metrics } = this.#options;
    const { name } = before;
    const { bytes, sha256, configuredSha256 } = next;
    const { canaryMs } = this.#loaded.config.waf;
    const sources = this.#sources(this.#live).map((source) =>
      source.name === name ? { ...source, bytes, sha256, off: null } : source,
    );
    const live = await host.goLive(sources, trialOf(canaryMs, [{ name, sha256 }]));
    let version: ModuleVersion;
    try {
      version = record();
    } catch (error) {
      await host.goLive(this.#sources(this.#live), null);
      throw error;
    }
    const { generation } = live;
    const entry = { ...before, bytes, configuredSha256, version, generation, off: null };
    this.#live.set(name, entry);
    for (const part of [`module ${name}`, `module ${name} (version)`, quarantinePart(name)])
      host.setDegraded(part, null);
    this.noteSourceMap(name, null);
    this.noteLastError(name);
    metrics.live(name, version.version);
    await this.collect();
    log.info(
      {
        module: name,
        version: version.version,
        sha256,
        before: before.version.sha256,
        origin: version.origin,
        ...live,
      },
      'module live',
    );
    return { ...this.answer(entry, before.version.sha256), ...live };
  }

  /** The same bytes again: nothing changes but who vouches for them. */
  resign(before: LiveEntry, signed: Signed | null): ModuleLoadAnswer {
    const { name, version } = before;
    if (signed !== null) {
      this.#store.sign(name, version.version, signed);
      const { keyName, sequence, signature } = signed;
      this.#live.set(name, { ...before, version: { ...version, keyName, sequence, signature } });
    }
    return this.answer(this.get(name), version.sha256);
  }

  /** What the configured source holds by now; what it held where it cannot be read. */
  async configuredNow(entry: LiveEntry): Promise<string> {
    const rule = this.#loaded.config.waf.rules[entry.name];
    assert(rule !== undefined, 'what is live is configured');
    const file = await readRuleSource(entry.name, rule, this.#loaded, null).catch(() => null);
    return file?.sha256 ?? entry.configuredSha256;
  }

  /** Every request gets the module's policy from here on, in all workers. */
  async setOff(before: LiveEntry, why: string): Promise<void> {
    const { host, metrics } = this.#options;
    const { name, version } = before;
    const live = new Map(this.#live).set(name, { ...before, off: why });
    try {
      await host.goLive(this.#sources(live), null);
    } finally {
      // Where a worker did not take it: the one that found the failures has it off, and who starts anew too.
      this.#live.set(name, { ...before, off: why });
      metrics.live(name, 0);
      host.setDegraded(quarantinePart(name), offReason(version, why));
    }
  }

  /** As workers have it. */
  source(name: string): ModuleSource {
    return sourceOf(this.get(name));
  }

  #sources(live: ReadonlyMap<string, LiveEntry>): ModuleSource[] {
    return [...live.values()].map(sourceOf);
  }

  /** Awaited before the next change, whose files have no version yet. */
  async collect(): Promise<void> {
    try {
      await this.#store.collect(new Set(this.#live.keys()));
    } catch (error) {
      this.#options.log.warn({ reason: describeError(error) }, 'module files not collected');
    }
  }

  #forget(name: string): void {
    const { host, metrics } = this.#options;
    metrics.forget(name);
    this.noteLastError(name);
    for (const part of [
      `module ${name}`,
      `module ${name} (version)`,
      `module ${name} (watched)`,
      sourceMapPart(name),
      quarantinePart(name),
    ])
      host.setDegraded(part, null);
  }

  answer(entry: LiveEntry, previousSha256: string): ModuleLoadAnswer {
    const { host } = this.#options;
    return {
      module: moduleStatus(
        entry,
        this.#lastErrors.get(entry.name) ?? null,
        this.#loaded.config,
        host.samples(),
      ),
      previousSha256,
      generation: host.generation(),
      workers: host.workers(),
    };
  }

  get(name: string): LiveEntry {
    const entry = this.#live.get(name);
    if (entry !== undefined) return entry;
    const names = [...this.#live.keys()].join(', ') || 'none';
    throw new WeirError(
      'MODULE_UNKNOWN',
      `no module "${name}" in the configuration (waf.rules has: ${names})`,
    );
  }
}

const sourceOf = ({ name, settings, bytes, version, off }: LiveEntry): ModuleSource => ({
  ...settings,
  name,
  sha256: version.sha256,
  bytes,
  off,
});

/** As a worker gets them, before the registry has them. */
export const plannedSources = (planned: readonly PlannedModule[]): ModuleSource[] =>
  planned.map(({ name, sha256, bytes, settings, off }) => ({
    ...settings,
    name,
    sha256,
    bytes,
    off,
  }));

export const trialOf = (ms: number, modules: TrialTerms['modules']): TrialTerms | null =>
  ms === 0 || modules.length === 0 ? null : { ms, modules };
