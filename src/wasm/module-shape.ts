/**
 * What can be said of a module without running it: its imports, its exports and its memory. All faults
 * at once, each with what to do.
 */
import { phaseExports } from './abi.ts';
import { abortImport } from './imports.ts';
import { readMemoryLimits } from './memory-section.ts';

/** 16 MiB. What one guest can take of a worker. */
export const memoryPagesMax = 256;

const requiredFunctions = ['weir_abi', 'weir_reserve'] as const;
const knownFunctions: ReadonlySet<string> = new Set([
  ...requiredFunctions,
  'weir_configure',
  ...Object.keys(phaseExports),
]);

/** Empty when the module may be instantiated. */
export function findShapeFaults(
  compiled: WebAssembly.Module,
  bytes: Uint8Array,
): readonly string[] {
  return [...importFaults(compiled), ...exportFaults(compiled), ...memoryFaults(bytes)];
}

function importFaults(compiled: WebAssembly.Module): readonly string[] {
  return WebAssembly.Module.imports(compiled)
    .filter(
      (item) =>
        item.module !== abortImport.module ||
        item.name !== abortImport.name ||
        item.kind !== 'function',
    )
    .map(
      (item) =>
        `imports ${item.kind} ${item.module}.${item.name}: only the function env.abort may be imported`,
    );
}

function exportFaults(compiled: WebAssembly.Module): readonly string[] {
  const exports = WebAssembly.Module.exports(compiled);
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

function memoryFaults(bytes: Uint8Array): readonly string[] {
  const memories = readMemoryLimits(bytes);
  const memory = memories?.[0];
  if (memories === null || memories.length > 1) return ['must have exactly one memory'];
  if (memory === undefined) return [];
  const faults: string[] = [];
  if (memory.shared) faults.push('has a shared memory: build without threads');
  if (memory.memory64) faults.push('has a 64-bit memory: build for wasm32');
  if (memory.maximumPages === null) {
    faults.push(
      `sets no maximum for its memory: build with --maximumMemory, at most ${memoryPagesMax} pages`,
    );
  } else if (memory.maximumPages > memoryPagesMax) {
    faults.push(
      `has a memory maximum of ${memory.maximumPages} pages: at most ${memoryPagesMax} (16 MiB) are allowed`,
    );
  }
  return faults;
}
