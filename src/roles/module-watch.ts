/**
 * Watch mode for rule authors: when a watched module's file changes it is loaded, like `weir module load`
 * would. The folder is watched, as editors and compilers replace files; a burst of events is one load.
 */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { RuleModule } from '#config/module-schema.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { Logger } from '#telemetry/log.ts';
import type { LiveModules } from './live-modules.ts';
import type { ModuleRegistry } from './module-registry.ts';
import { readRuleSource } from './rule-source.ts';
import type { LoadedConfig } from './snapshot-source.ts';
import type { Supervisor } from './supervisor.ts';

/** A compiler writes in pieces; the file is read when it has been quiet this long. */
const quietMs = 100;

export type WatchTarget = { readonly live: LiveModules; readonly registry: ModuleRegistry };

/** A load under way by hand ends soon; then it is tried again. */
const busyMs = 250;

type Watchable = { readonly name: string; readonly path: string };

/** The watched modules of the configuration that is live. */
export class ModuleWatches {
  readonly #target: WatchTarget;
  readonly #supervisor: Pick<Supervisor, 'setDegraded'>;
  readonly #log: Logger;
  /** By name and path. */
  #watched = new Map<string, WatchedModule>();

  constructor(target: WatchTarget, supervisor: Pick<Supervisor, 'setDegraded'>, log: Logger) {
    this.#target = target;
    this.#supervisor = supervisor;
    this.#log = log;
  }

  /** After a start, and after each reload. One that is watched already goes on without a gap. */
  follow(modules: readonly Watchable[], loaded: LoadedConfig): void {
    const before = this.#watched;
    this.#watched = new Map();
    for (const { name, path } of modules) {
      const rule = loaded.config.waf.rules[name];
      if (rule?.watch !== true) continue;
      const key = `${name} ${path}`;
      const load = () => loadChanged(name, rule, loaded, this.#target);
      const known = before.get(key);
      before.delete(key);
      if (known === undefined) this.#log.info({ module: name, path }, 'watching module');
      else known.load = load;
      this.#watched.set(key, known ?? this.#watch(name, path, load));
    }
    for (const one of before.values()) one.close();
  }

  close(): void {
    for (const one of this.#watched.values()) one.close();
    this.#watched.clear();
  }

  #watch(name: string, path: string, load: () => Promise<void>): WatchedModule {
    const setDegraded = (reason: string | null): void =>
      this.#supervisor.setDegraded(`module ${name} (watched)`, reason);
    return new WatchedModule(path, load, setDegraded);
  }
}

async function loadChanged(
  name: string,
  rule: RuleModule,
  loaded: LoadedConfig,
  target: WatchTarget,
): Promise<void> {
  const file = await readRuleSource(name, rule, loaded, null);
  if (target.live.isLive(name, file.sha256)) return;
  await target.registry.load(name, { ...file, origin: 'watch' });
}

/** One load at a time; what changes meanwhile is looked at when it has ended. */
class WatchedModule {
  /** Replaced when the configuration is. */
  load: () => Promise<void>;
  readonly #setDegraded: (reason: string | null) => void;
  readonly #watcher: FSWatcher;
  #timer: NodeJS.Timeout | undefined;
  #isLoading = false;
  #changedMeanwhile = false;
  #closed = false;

  constructor(
    path: string,
    load: () => Promise<void>,
    setDegraded: (reason: string | null) => void,
  ) {
    this.load = load;
    this.#setDegraded = setDegraded;
    this.#watcher = watch(dirname(path), (_event, file) => {
      if (file === basename(path)) this.#soon(quietMs);
    });
    this.#watcher.on('error', (error) => setDegraded(error.message));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#watcher.close();
    // What was wrong with a file that nobody watches any more is nothing to tell.
    this.#setDegraded(null);
  }

  #soon(ms: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#load(), ms);
  }

  async #load(): Promise<void> {
    if (this.#isLoading) {
      this.#changedMeanwhile = true;
      return;
    }
    this.#isLoading = true;
    try {
      await this.load();
      if (!this.#closed) this.#setDegraded(null);
    } catch (error) {
      // The old module stays; status says why the new one did not go live.
      if (error instanceof WeirError && error.code === 'MODULE_BUSY') this.#soon(busyMs);
      else if (!this.#closed) this.#setDegraded(describeError(error));
    } finally {
      this.#isLoading = false;
      if (this.#changedMeanwhile) this.#soon(quietMs);
      this.#changedMeanwhile = false;
    }
  }
}
