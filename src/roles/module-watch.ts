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

/** Returns the function that stops watching. */
export function watchModules(
  modules: readonly { readonly name: string; readonly path: string }[],
  loaded: LoadedConfig,
  target: WatchTarget,
  supervisor: Supervisor,
  log: Logger,
): () => void {
  const watched: WatchedModule[] = [];
  for (const { name, path } of modules) {
    const rule = loaded.config.waf.rules[name];
    if (rule?.watch !== true) continue;
    watched.push(
      new WatchedModule(path, {
        load: () => loadChanged(name, rule, loaded, target),
        setDegraded: (reason) => supervisor.setDegraded(`module ${name} (watched)`, reason),
      }),
    );
    log.info({ module: name, path }, 'watching module');
  }
  return () => {
    for (const one of watched) one.close();
  };
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

type WatchedEvents = { load(): Promise<void>; setDegraded(reason: string | null): void };

/** One load at a time; what changes meanwhile is looked at when it has ended. */
class WatchedModule {
  readonly #events: WatchedEvents;
  readonly #watcher: FSWatcher;
  #timer: NodeJS.Timeout | undefined;
  #isLoading = false;
  #changedMeanwhile = false;
  #closed = false;

  constructor(path: string, events: WatchedEvents) {
    this.#events = events;
    this.#watcher = watch(dirname(path), (_event, file) => {
      if (file === basename(path)) this.#soon(quietMs);
    });
    this.#watcher.on('error', (error) => events.setDegraded(error.message));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#watcher.close();
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
      await this.#events.load();
      this.#events.setDegraded(null);
    } catch (error) {
      // The old module stays; status says why the new one did not go live.
      if (error instanceof WeirError && error.code === 'MODULE_BUSY') this.#soon(busyMs);
      else this.#events.setDegraded(describeError(error));
    } finally {
      this.#isLoading = false;
      if (this.#changedMeanwhile) this.#soon(quietMs);
      this.#changedMeanwhile = false;
    }
  }
}
