/**
 * Makes a filter of a proxy-wasm module: looked at, started and configured, or refused with every fault.
 */

import type { Grant } from '#config/module-schema.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { GuestFailure } from '../guest-failure.ts';
import { type CompileSource, invalidModule, type OnFailure } from '../live-module.ts';
import { ProxyWasmFilter } from './filter.ts';
import type { ProxyWasmServices } from './host.ts';
import { readPluginConfig } from './plugin-config.ts';
import { findProxyWasmFaults, phasesOfProxyWasm } from './shape.ts';

export type ProxyWasmSource = CompileSource & {
  readonly grants: readonly Grant[];
  readonly fetch: readonly string[];
};

/** `source.bytes` are metered and compiled. Throws `MODULE_INVALID`. */
export function compileProxyWasm(
  source: ProxyWasmSource,
  compiled: WebAssembly.Module,
  services: ProxyWasmServices,
  onFailure: OnFailure,
): ProxyWasmFilter {
  const faults = findProxyWasmFaults(compiled, source.grants);
  if (faults.length > 0) throw invalidModule(source.name, faults);
  try {
    const { name, sha256, failure, fuel, fetch } = source;
    return new ProxyWasmFilter({
      compiled,
      sha256,
      failure,
      phases: phasesOfProxyWasm(compiled),
      settings: { name, fuel, fetch, ...readPluginConfig(source.config) },
      services,
      onFailure,
    });
  } catch (error) {
    if (error instanceof WeirError) throw error;
    const fault = error instanceof GuestFailure ? error.describe() : describeError(error);
    throw invalidModule(source.name, [fault], error);
  }
}
