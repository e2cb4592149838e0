/**
 * Watch mode for rule authors: when a watched module's file changes it is loaded, like `weir module load`
 * would. The folder is watched, as editors and compilers replace files; a burst of events is one load.
 */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#telemetry/log.ts';
import { readModuleSource } from '#wasm/module-source.ts';
import type { EdgeNode } from './edge-node.ts';
import type { LoadedConfig, LoadedModule } from './snapshot-source.ts';
import type { Supervisor } from './supervisor.ts';

/** A compiler writes in pieces; the file is read when it has been quiet this long. */
const quietMs = 100;

/** Returns the function that stops watching. */
export function watchModules(
  modules: readonly LoadedModule[],
  loaded: LoadedConfig,
  node: EdgeNode,
  supervisor: Supervisor,
  log: Logger,
): () => void {
  const watchers: FSWatcher[] = [];
  const timers = new Map<string, NodeJS.Timeout>();
  for (const { name, path } of modules) {
    const rule = loaded.config.waf.rules[name];
    if (rule?.watch !== true) continue;
    const load = async () => {
      const part = `module ${name} (watched)`;
      try {
        const read = await readModuleSource(rule.module, loaded.baseDirectory);
        if (
          node.listModules().some((module) => module.name === name && module.sha256 === read.sha256)
        )
          return;
        await node.loadModule(name, read.bytes);
        supervisor.setDegraded(part, null);
      } catch (error) {
        // The old module stays; status says why the new one did not go live.
        supervisor.setDegraded(part, describeError(error));
      }
    };
    const watcher = watch(dirname(path), (_event, file) => {
      if (file !== basename(path)) return;
      clearTimeout(timers.get(name));
      timers.set(
        name,
        setTimeout(() => void load(), quietMs),
      );
    });
    watcher.on('error', (error) =>
      supervisor.setDegraded(`module ${name} (watched)`, error.message),
    );
    watchers.push(watcher);
    log.info({ module: name, path }, 'watching module');
  }
  return () => {
    for (const timer of timers.values()) clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
