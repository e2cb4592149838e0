/**
 * How the rule modules of a running node are replaced, and how that is taken back.
 *
 * ```
 * load │ watched file │ rollback │ quarantine
 *   └─► admission ─► kept on disk ─► prepared everywhere ─► trial in one worker ─► all workers ─► history
 *          └ refused: history and status say why, what was live stays
 * ```
 *
 * What is live is `live-modules.ts`, what goes live at a start or a reload `module-plan.ts`; what bytes have to pass is
 * `module-admission.ts`; the trial is `module-trial.ts`. Changes are made one after another by the node; two
 * of one name at the same time are refused, as the second knows nothing of the first.
 */
import { createHash } from 'node:crypto';
import type { ModuleHistory, ModuleLoadAnswer, ModuleRemoveAnswer } from '#admin/control.ts';
import type { Tried } from '#admin/replay-control.ts';
import { wallMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { ModuleSignature } from '#core/module-signature.ts';
import type { ModuleOrigin, ModuleVersion } from '#state/module-database.ts';
import type { ModuleStore } from '#state/module-store.ts';
import { keepSourceMap } from './kept-source-map.ts';
import type { LiveModules, LiveModulesOptions } from './live-modules.ts';
import {
  checkSigned,
  checkSignedAnew,
  newVersion,
  noteRefused,
  signaturePolicy,
  tryModule,
} from './module-admission.ts';
import { ModulePlaces } from './module-places.ts';
import { checkKept } from './module-plan.ts';
import {
  type LiveEntry,
  moduleHistory,
  oneLine,
  quarantinePart,
  readyText,
} from './module-status.ts';
import type { ModuleFailure } from './module-trial.ts';
import { ModuleTroubles } from './module-troubles.ts';
import { checkGeneration } from './tried-change.ts';

/** Bytes that somebody wants live under a name. */
export type ModuleLoad = {
  readonly bytes: Uint8Array;
  readonly origin: 'api' | 'watch' | 'fleet';
  /** Where they come from: as the configuration says it, `api`, or the rollout. */
  readonly source: string;
  readonly isBuiltin: boolean;
  readonly signature: ModuleSignature | null;
  readonly cases: string | null;
  /** Text of its source map; absent where none came. */
  readonly sourceMap?: string | null;
  /** Why the one that came is not to be had. */
  readonly sourceMapFault?: string | null;
  /** What a gate let through; absent where none was asked. */
  readonly tried?: Tried | null;
};

/** Sent to the management API. */
export const fromApi = { origin: 'api', source: 'api', isBuiltin: false } as const;

export type RegistryOptions = Pick<LiveModulesOptions, 'host' | 'log' | 'metrics'> & {
  readonly live: LiveModules;
};

export class ModuleRegistry {
  readonly #options: RegistryOptions;
  readonly #live: LiveModules;
  readonly #troubles: ModuleTroubles;
  readonly #busy = new Set<string>();
  readonly places = new ModulePlaces(() => this.#store);

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#live = options.live;
    this.#troubles = new ModuleTroubles((name, reason) =>
      options.host.setDegraded(`module ${name}`, reason),
    );
  }

  /** Newest version first. */
  history(name: string): ModuleHistory {
    this.#live.get(name);
    return moduleHistory(this.#store, name);
  }

  load(name: string, load: ModuleLoad): Promise<ModuleLoadAnswer> {
    return this.#change(name, load.origin, async (before) => {
      const sha256 = createHash('sha256').update(load.bytes).digest('hex');
      const { tried = null, sourceMap = null, sourceMapFault = null, ...given } = load;
      const map = { sourceMap, sourceMapFault };
      const candidate = { name, sha256, ...given };
      const { config } = this.#live;
      checkGeneration(tried, this.#options.host.generation());
      try {
        const policy = await signaturePolicy(config);
        // The fleet's own order has a sequence; by a newer one it may go back to an older version.
        const check = load.origin === 'fleet' ? checkSigned : checkSignedAnew;
        const signed = check(candidate, policy, this.#store);
        if (sha256 === before.version.sha256 && (sourceMap ?? sourceMapFault) !== null) {
          this.#live.noteSourceMap(name, await keepSourceMap(this.#store, sha256, map));
          this.places.forget();
        }
        if (sha256 === before.version.sha256 && before.off === null)
          return this.#live.resign(before, signed);
        await tryModule({ ...candidate, sourceMap, settings: before.settings }, config);
        await this.#store.keep(sha256, load.bytes);
        const fault = await keepSourceMap(this.#store, sha256, map);
        const configuredSha256 = await this.#live.configuredNow(before);
        const next = { bytes: load.bytes, sha256, configuredSha256 };
        const answer = await this.#live.replace(before, next, () =>
          this.#store.addLive(
            newVersion(candidate, load.origin, load.source, signed),
            configuredSha256,
          ),
        );
        this.#live.noteSourceMap(name, fault);
        return answer;
      } catch (error) {
        noteRefused(this.#store, candidate, load.origin, load.source, error);
        this.#live.noteLastError(name);
        throw error;
      }
    });
  }

  /** Back to the version before the live one, or to that of a number, whatever was said of it. */
  rollback(name: string, to: number | null): Promise<ModuleLoadAnswer> {
    return this.#change(name, 'rollback', async (before) => {
      const version =
        to === null ? this.#versionBefore(before.version, false) : this.#store.version(name, to);
      if (version === null) {
        const ready = readyText(this.#store, name);
        throw to === null
          ? new WeirError(
              'MODULE_VERSION_UNUSABLE',
              `module ${name} has no version before ${before.version.version} that is ready; ${ready}`,
            )
          : new WeirError(
              'MODULE_VERSION_UNKNOWN',
              `module ${name} has no version ${to}; ${ready}`,
            );
      }
      if (version.version === before.version.version && before.off === null)
        return this.#live.answer(before, before.version.sha256);
      if (!version.isKept) {
        throw new WeirError(
          'MODULE_VERSION_UNUSABLE',
          version.state === 'failed'
            ? `version ${version.version} of module ${name} never went live: ${version.error}`
            : `version ${version.version} of module ${name} is ${version.state} and its bytes are no longer kept; ${readyText(this.#store, name)}`,
        );
      }
      return this.#revive(before, version, 'rollback');
    });
  }

  /** Takes a version that is not live out of the history, with its bytes where no other has them. */
  remove(name: string, number: number): Promise<ModuleRemoveAnswer> {
    return this.#change(name, null, async (before) => {
      const version = this.#store.version(name, number);
      if (version === null)
        throw new WeirError('MODULE_VERSION_UNKNOWN', `module ${name} has no version ${number}`);
      if (number === before.version.version) {
        throw new WeirError(
          'MODULE_VERSION_UNUSABLE',
          `version ${number} of module ${name} is ${before.off === null ? 'live' : 'the current one'}; load or roll back to another one first`,
        );
      }
      this.#store.remove(name, number);
      this.#live.noteLastError(name);
      await this.#live.collect();
      const { sha256, bytes, state } = version;
      this.#options.log.info({ module: name, version: number, sha256 }, 'module version removed');
      return { name, version: number, sha256, bytes, state };
    });
  }

  /** A worker has taken it out of service because it keeps failing: the version before takes its place. */
  async noteFailure(failure: ModuleFailure): Promise<void> {
    const { host, log } = this.#options;
    const { name, sha256 } = failure;
    let { isQuarantine, reason } = failure;
    try {
      if (this.#live.isLive(name, sha256))
        reason = await this.places.tell(this.#live.source(name), failure);
      if (this.#live.isLive(name, sha256)) {
        const { version } = this.#live.get(name).version;
        this.#store.noteError(name, version, oneLine(reason));
        this.#live.noteLastError(name);
        if (this.#troubles.note({ ...failure, reason }, performance.now())) isQuarantine = true;
      }
      if (!isQuarantine) return;
      // Other workers may say the same while this is under way, or somebody may have changed it.
      await host.oneAtATime(async () => {
        if (this.#live.isLive(name, sha256)) await this.#quarantine(this.#live.get(name), reason);
      });
    } catch (error) {
      log.error({ module: name, reason: describeError(error) }, 'module failure not dealt with');
      if (isQuarantine)
        host.setDegraded(quarantinePart(name), `fails too often, and: ${describeError(error)}`);
    }
  }

  async #quarantine(before: LiveEntry, reason: string): Promise<void> {
    const { log, metrics, host } = this.#options;
    const { name, version } = before;
    const why = oneLine(`too many failures, the last: ${reason}`);
    this.#store.quarantine(name, version.version, why);
    metrics.quarantined(name);
    log.error({ module: name, version: version.version, reason: why }, 'module in quarantine');
    for (let at = version; ; ) {
      const earlier = this.#versionBefore(at, true);
      if (earlier === null) break;
      const startedAt = performance.now();
      try {
        await this.#revive(before, earlier, 'quarantine');
        this.#noteLoad(name, 'quarantine', performance.now() - startedAt);
        host.setDegraded(
          quarantinePart(name),
          `version ${version.version} is in quarantine (${why}); version ${earlier.version} runs in its place; load a version that is mended, or run it in spite of that with "weir module rollback ${name} --to ${version.version}"`,
        );
        return;
      } catch (error) {
        // One that cannot go live now is no help; the one before it may be.
        metrics.loaded('quarantine', 'failed', performance.now() - startedAt);
        this.#store.noteError(name, earlier.version, describeError(error));
        at = earlier;
      }
    }
    await this.#live.setOff(before, why);
  }

  get #store(): ModuleStore {
    return this.#live.store;
  }

  // ── parts of a change ─────────────────────────────────────────────────────────────────────────────

  /** `origin` is null for what is no load. */
  async #change<T>(
    name: string,
    origin: ModuleOrigin | null,
    change: (before: LiveEntry) => Promise<T>,
  ): Promise<T> {
    const { host, metrics } = this.#options;
    this.#live.get(name);
    if (this.#busy.has(name)) {
      throw new WeirError(
        'MODULE_BUSY',
        `module ${name} is being changed already; say it again when that has ended`,
      );
    }
    this.#busy.add(name);
    try {
      return await host.oneAtATime(async () => {
        const startedAt = performance.now();
        try {
          const result = await change(this.#live.get(name));
          if (origin !== null) this.#noteLoad(name, origin, performance.now() - startedAt);
          return result;
        } catch (error) {
          if (origin !== null) metrics.loaded(origin, 'failed', performance.now() - startedAt);
          throw error;
        }
      });
    } finally {
      this.#busy.delete(name);
    }
  }

  #noteLoad(name: string, origin: ModuleOrigin, ms: number): void {
    const { metrics } = this.#options;
    metrics.loaded(origin, 'ok', ms);
    metrics.took(name, this.#live.get(name).version.sha256, ms);
  }

  async #revive(
    before: LiveEntry,
    version: ModuleVersion,
    origin: 'rollback' | 'quarantine',
  ): Promise<ModuleLoadAnswer> {
    const { name } = before;
    checkKept(version, await signaturePolicy(this.#live.config));
    const bytes = await this.#store.readBytes(version.sha256);
    const sourceMap = await this.#store.sourceMaps.read(version.sha256);
    const candidate = { ...before, ...version, bytes, cases: null, sourceMap };
    await tryModule(candidate, this.#live.config);
    const configuredSha256 = await this.#live.configuredNow(before);
    const { sha256 } = version;
    return this.#live.replace(before, { bytes, sha256, configuredSha256 }, () =>
      this.#store.setLive(name, version.version, {
        origin,
        loadedAtMs: wallMs(),
        configuredSha256,
      }),
    );
  }

  /** For a quarantine, one that never failed comes before one that did so now and then. */
  #versionBefore(live: ModuleVersion, prefersSound: boolean): ModuleVersion | null {
    const ready = this.#store
      .history(live.name)
      .filter(({ state, version }) => state === 'ready' && version < live.version);
    const sound = prefersSound ? ready.find(({ error }) => error === null) : undefined;
    return sound ?? ready[0] ?? null;
  }
}
