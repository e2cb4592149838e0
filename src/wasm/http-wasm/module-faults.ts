/** What can be said of an http-wasm module without running it: all faults at once, each with what to do. */
import { abortImport } from '../imports.ts';
import type { ModuleFacts } from '../meter/meter-module.ts';
import { isWasiFunction, wasiModules } from '../wasi.ts';
import { handleRequest, handleResponse, hostFunctionTypes, hostModule } from './abi.ts';

type Shape = Pick<ModuleFacts, 'imports' | 'exports'>;

/** Exports and imports tell the ABI. */
export function isHttpWasm({ imports, exports }: Shape): boolean {
  return (
    exports.some(({ name }) => name === handleRequest || name === handleResponse) ||
    imports.some(({ module }) => module === hostModule)
  );
}

/** Empty when the module may be instantiated. */
export function findHttpWasmFaults({ imports, exports }: Shape): readonly string[] {
  return [...importFaults(imports), ...exportFaults(exports)];
}

/** The meter refuses imports of anything else than functions. */
function importFaults(imports: Shape['imports']): readonly string[] {
  return imports.flatMap(({ module, name }) => {
    if (isKnown(module, name)) return [];
    return [
      `imports ${module}.${name}: an http-wasm module may import the functions of ${hostModule} and of ${wasiModules[0]}`,
    ];
  });
}

function isKnown(module: string, name: string): boolean {
  if (module === hostModule) return Object.hasOwn(hostFunctionTypes, name);
  if (wasiModules.some((known) => known === module)) return isWasiFunction(name);
  return module === abortImport.module && name === abortImport.name;
}

function exportFaults(exports: Shape['exports']): readonly string[] {
  const kinds = new Map(exports.map(({ name, kind }) => [name, kind] as const));
  const faults: string[] = [];
  for (const name of [handleRequest, handleResponse]) {
    const kind = kinds.get(name);
    if (kind === undefined)
      faults.push(`does not export the function ${name}, as the http-wasm handler ABI asks`);
    else if (kind !== 'function')
      faults.push(`exports ${name} as a ${kind}: it must be a function`);
  }
  if (kinds.get('memory') !== 'memory')
    faults.push('does not export its memory under the name memory');
  return faults;
}
