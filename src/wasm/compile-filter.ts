/**
 * A module's bytes made into the filter that its ABI asks for: Weir's own, that of Traefik's plugins, or
 * that of Envoy's filters, told apart by what they import and export. All are metered and capped alike, save
 * rule sets of SecLang, whose code is Weir's own and charges itself.
 */
import { describeError, WeirError } from '#core/errors.ts';
import type { GuestLimits } from './abi.ts';
import type { Filter } from './filter.ts';
import { GuestFailure } from './guest-failure.ts';
import type { HostServices } from './host-services.ts';
import { HttpWasmModule } from './http-wasm/http-wasm-module.ts';
import { findHttpWasmFaults, isHttpWasm } from './http-wasm/module-faults.ts';
import {
  type CompileSource,
  compileModule,
  invalidModule,
  meterOptionsOf,
  type OnFailure,
} from './live-module.ts';
import { type MeteredModule, meterModule } from './meter/meter-module.ts';
import { readOutline } from './meter/module-outline.ts';
import type { OffsetMap } from './meter/offset-map.ts';
import { compileProxyWasm } from './proxy-wasm/compile.ts';
import { proxyWasmServices } from './proxy-wasm/services.ts';
import { isProxyWasm } from './proxy-wasm/shape.ts';
import { compileSeclang, isSeclang } from './seclang/compile.ts';

/** Has made the first instance, so that a filter that is live has run. Throws `MODULE_INVALID`. */
export function compileFilter(
  source: CompileSource,
  limits: GuestLimits,
  services: HostServices,
  onFailure: OnFailure,
): Filter {
  try {
    const outline = readOutline(source.bytes);
    if (isHttpWasm(outline)) return compileHttpWasm(source, limits, services, onFailure);
    if (isProxyWasm(outline)) return compileEnvoyFilter(source, limits, services, onFailure);
    if (isSeclang(outline)) return compileSeclang(source, limits, services, onFailure);
    return compileModule(source, limits, services, onFailure);
  } catch (error) {
    if (error instanceof WeirError) throw error;
    const fault = error instanceof GuestFailure ? error.describe() : describeError(error);
    throw invalidModule(source.name, [fault], error);
  }
}

function compileHttpWasm(
  source: CompileSource,
  { headBytesMax }: GuestLimits,
  services: HostServices,
  onFailure: OnFailure,
): Filter {
  const { bytes, facts } = metered(source);
  const faults = findHttpWasmFaults(facts);
  if (faults.length > 0) throw invalidModule(source.name, faults);
  const compiled = new WebAssembly.Module(bytes);
  return new HttpWasmModule(source, compiled, headBytesMax, onFailure, (level, text) =>
    services.log(level, source.name, text),
  );
}

function compileEnvoyFilter(
  source: CompileSource,
  { headBytesMax }: GuestLimits,
  services: HostServices,
  onFailure: OnFailure,
): Filter {
  const given = proxyWasmServices(services, source);
  return compileProxyWasm(source, metered(source), headBytesMax, given, onFailure);
}

/** Such guests keep what they like between calls; that is what their authors build on. */
function metered(source: CompileSource): MeteredModule {
  return meterModule(source.bytes, meterOptionsOf(source, false));
}

/** Where the code of the filter that `compileFilter` makes was in the bytes as they came. */
export function originalOffsets(
  source: Pick<CompileSource, 'bytes' | 'fuel' | 'memoryPagesMax'>,
): OffsetMap | null {
  const outline = readOutline(source.bytes);
  const isolates = !isHttpWasm(outline) && !isProxyWasm(outline);
  const options = meterOptionsOf(source, isolates);
  return meterModule(source.bytes, { ...options, keepsOffsets: true }).offsets;
}
