/**
 * Services for a module that is tried out (validation, its own cases, a bench): everything that stays in
 * memory is real; nothing is blocked, fetched or read from disk.
 */
import { wallMs } from '#core/clock.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import type { AddressDatabase, HostServices, LogLevel } from '../host-services.ts';
import { RegisteredModuleMetrics } from './module-metrics.ts';
import { ModuleServices, type ModuleServicesOptions } from './module-services.ts';
import { SharedStore } from './shared-store.ts';
import { TokenBuckets } from './token-buckets.ts';

const emptyDatabase: AddressDatabase = { lookup: () => null };

/** `changes` brings what the trial has of its own, databases for one. */
export function trialServices(
  writeLog: (level: LogLevel, module: string, text: string) => void,
  changes: Partial<
    Pick<ModuleServicesOptions, 'database' | 'fetcher' | 'block' | 'writeMatches'>
  > = {},
): HostServices {
  const store = (): SharedStore =>
    new SharedStore({ writer: 0, wallMs, onEvicted: () => {}, outlet: null });
  return new ModuleServices({
    metrics: new RegisteredModuleMetrics(new MetricRegistry()),
    worker: store(),
    node: store(),
    fleet: store(),
    limiter: new TokenBuckets([0, 0]),
    fetcher: { fetch: () => 'started', call: async () => null },
    writeLog,
    block: () => null,
    writeMatches: () => {},
    redactMatch: (texts) => texts,
    database: () => emptyDatabase,
    ...changes,
  });
}
