/**
 * A module's bytes made into the filter that its ABI asks for: Weir's own, or that of Traefik's plugins,
 * told apart by what they import and export. All are metered and capped alike.
 */
import { describeError, WeirError } from '#core/errors.ts';
import type { GuestLimits } from './abi.ts';
import type { Filter } from './filter.ts';
import { GuestFailure } from './guest-failure.ts';
import type { HostServices } from './host-services.ts';
import { HttpWasmModule } from './http-wasm/http-wasm-module.ts';
import { findHttpWasmFaults, isHttpWasm } from './http-wasm/module-faults.ts';
import { type CompileSource, compileModule, invalidModule, type OnFailure } from './live-module.ts';
import { fuelMax, meterModule } from './meter/meter-module.ts';
import { readOutline } from './meter/module-outline.ts';

/** Has made the first instance, so that a filter that is live has run. Throws `MODULE_INVALID`. */
export function compileFilter(
  source: CompileSource,
  limits: GuestLimits,
  services: HostServices,
  onFailure: OnFailure,
): Filter {
  try {
    return isHttpWasm(readOutline(source.bytes))
      ? compileHttpWasm(source, services, onFailure)
      : compileModule(source, limits, services, onFailure);
  } catch (error) {
    if (error instanceof WeirError) throw error;
    const fault = error instanceof GuestFailure ? error.describe() : describeError(error);
    throw invalidModule(source.name, [fault], error);
  }
}

function compileHttpWasm(
  source: CompileSource,
  services: HostServices,
  onFailure: OnFailure,
): Filter {
  const { bytes, facts } = meterModule(source.bytes, {
    fuelAtStart: Math.min(source.fuel, fuelMax),
    memoryPagesMax: source.memoryPagesMax,
    // Such guests keep what they like between calls; that is what their authors build on.
    isolates: false,
  });
  const faults = findHttpWasmFaults(facts);
  if (faults.length > 0) throw invalidModule(source.name, faults);
  return new HttpWasmModule(source, new WebAssembly.Module(bytes), onFailure, (level, text) =>
    services.log(level, source.name, text),
  );
}
