/**
 * What can be said of a module without running it: its imports, its exports and its memory. All faults
 * at once, each with what to do.
 */
import { phaseExports } from './abi.ts';
import { findImportFaults } from './hostcalls/import-faults.ts';
import type { ModuleFacts } from './meter/meter-module.ts';

const requiredFunctions = ['weir_abi', 'weir_reserve'] as const;
const packetExport = 'weir_packet' satisfies keyof typeof phaseExports;
const knownFunctions: ReadonlySet<string> = new Set([
  ...requiredFunctions,
  'weir_configure',
  ...Object.keys(phaseExports),
]);

/** Empty when the module may be instantiated. */
export function findShapeFaults(
  { imports, exports }: ModuleFacts,
  grants: readonly string[],
): readonly string[] {
  return [...findImportFaults(imports, grants), ...exportFaults(exports)];
}

function exportFaults(exports: ModuleFacts['exports']): readonly string[] {
  const faults: string[] = [];
  for (const name of requiredFunctions) {
    const found = exports.find((item) => item.name === name);
    if (found === undefined)
      faults.push(
        `does not export the function ${name}: see wasm-rules/abi.md, "What a module exports"`,
      );
    else if (found.kind !== 'function')
      faults.push(`exports ${name} as a ${found.kind}: it must be a function`);
  }
  const memory = exports.find((item) => item.name === 'memory');
  if (memory?.kind !== 'memory') faults.push('does not export its memory under the name memory');
  if (!exports.some(({ name }) => Object.hasOwn(phaseExports, name)))
    faults.push(
      `exports no phase (${Object.keys(phaseExports).join(', ')}): nothing of it would ever run`,
    );
  const ofRequests = exports.find(
    ({ name }) => Object.hasOwn(phaseExports, name) && name !== packetExport,
  );
  if (ofRequests !== undefined && exports.some(({ name }) => name === packetExport))
    faults.push(
      `exports ${packetExport} beside ${ofRequests.name}: packets and requests are looked at in different places, so make two modules of it`,
    );
  for (const { name, kind } of exports) {
    if (
      knownFunctions.has(name) &&
      kind !== 'function' &&
      !(name === 'weir_abi' || name === 'weir_reserve')
    )
      faults.push(`exports ${name} as a ${kind}: it must be a function`);
    // A phase that this host never calls would look like a rule that is active.
    if (name.startsWith('weir_') && !knownFunctions.has(name)) {
      faults.push(
        `exports ${name}, which ABI version 1 does not have: remove it or load it into a newer Weir`,
      );
    }
  }
  return faults;
}
