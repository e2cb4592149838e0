/**
 * Makes a filter of a proxy-wasm module: looked at, started and configured, or refused with every fault.
 */
import { type CompileSource, invalidModule, type OnFailure } from '../live-module.ts';
import type { MeteredModule } from '../meter/meter-module.ts';
import { hideSecrets } from './calls/values.ts';
import { ProxyWasmFilter } from './filter.ts';
import type { ProxyWasmServices } from './host.ts';
import { grantedServers } from './http-call.ts';
import { readPluginConfig } from './plugin-config.ts';
import { findProxyWasmFaults, phasesOfProxyWasm, readsFieldsInLog } from './shape.ts';

/** Throws `MODULE_INVALID`, and `GuestFailure` where it fails while it is started. */
export function compileProxyWasm(
  source: CompileSource,
  { bytes, facts }: MeteredModule,
  headBytesMax: number,
  services: ProxyWasmServices,
  onFailure: OnFailure,
): ProxyWasmFilter {
  const faults = findProxyWasmFaults(facts, source.grants);
  if (faults.length > 0) throw invalidModule(source.name, faults);
  const { name, sha256, failure, fuel, fetch } = source;
  const config = readPluginConfig(source.config);
  const { log } = services;
  return new ProxyWasmFilter({
    compiled: new WebAssembly.Module(bytes),
    sha256,
    failure,
    phases: phasesOfProxyWasm(facts),
    readsFieldsInLog: readsFieldsInLog(facts),
    headBytesMax,
    settings: { name, fuel, servers: grantedServers(fetch), ...config },
    services: { ...services, log: (level, text) => log(level, hideSecrets(text, config.secrets)) },
    onFailure,
  });
}
