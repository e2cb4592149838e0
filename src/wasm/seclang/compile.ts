/**
 * The bytes of a SecLang module made into a filter. Its code is not metered: so it has to be the engine of this very
 * Weir, and what may be anybody's is the image alone, which is data.
 */
import type { GuestLimits } from '../abi.ts';
import type { Filter } from '../filter.ts';
import type { HostServices } from '../host-services.ts';
import { type CompileSource, invalidModule, type OnFailure } from '../live-module.ts';
import type { ModuleOutline } from '../meter/module-outline.ts';
import { readEngine } from './engine-file.ts';
import { matchLines } from './match-line.ts';
import { isBuiltWith, readModule } from './module-file.ts';
import { SeclangFilter } from './seclang-filter.ts';

const markExport = 'weir_seclang';

export const isSeclang = ({ exports }: ModuleOutline): boolean =>
  exports.some(({ name }) => name === markExport);

/** Throws MODULE_INVALID, `GuestFailure`. */
export function compileSeclang(
  source: CompileSource,
  limits: GuestLimits,
  services: HostServices,
  onFailure: OnFailure,
): Filter {
  const { name, bytes } = source;
  const module = readModule(bytes);
  if (module === null)
    throw invalidModule(name, ['says it is a SecLang module and holds no rules']);
  if (!isBuiltWith(readEngine(), bytes, module))
    throw invalidModule(name, [
      'was built with the SecLang engine of another Weir: build it anew (weir rules build)',
    ]);
  return new SeclangFilter(
    source,
    new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>),
    module.facts,
    limits,
    onFailure,
    (transaction, facts, answer) =>
      services.writeMatches(() =>
        matchLines(transaction, facts, answer, services.wallMs(), (texts) =>
          services.redactMatch(texts, transaction.route),
        ),
      ),
  );
}
