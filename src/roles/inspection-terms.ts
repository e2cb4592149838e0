/** What of a snapshot the inspection of packets needs. */
import type { SnapshotSource } from './ipc.ts';
import type { InspectionTerms } from './shield-inspection.ts';

/** Null where nothing is inspected. */
export function inspectionTerms({
  config,
  modules,
}: Pick<SnapshotSource, 'config' | 'modules'>): InspectionTerms | null {
  const { inspect } = config.kernel;
  const module = modules.find(({ name }) => name === inspect?.module);
  if (inspect === undefined || module === undefined) return null;
  return { module, packetsMax: inspect.packets, config };
}

/** Differs where the module has to be made anew. */
export function inspectionKey(terms: InspectionTerms | null): string {
  if (terms === null) return '';
  const { module, packetsMax, config } = terms;
  return `${module.sha256} ${module.off} ${packetsMax} ${JSON.stringify(config)}`;
}
