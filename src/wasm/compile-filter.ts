/**
 * From a module's bytes to a filter: which ABI its guest speaks shows in what it exports.
 *
 * ```
 * weir_abi                     ─► live-module.ts
 * ```
 */
import type { GuestLimits } from './abi.ts';
import type { Filter } from './filter.ts';
import type { HostServices } from './host-services.ts';
import { type CompileSource, compileModule, type OnFailure } from './live-module.ts';

/** Compiles and makes the first instance, so that a module that is live has run. Throws `MODULE_INVALID`. */
export function compileFilter(
  source: CompileSource,
  limits: GuestLimits,
  services: HostServices,
  onFailure: OnFailure,
): Filter {
  return compileModule(source, limits, services, onFailure);
}
