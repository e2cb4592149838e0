/**
 * What can be said of a proxy-wasm module without running it: which version it speaks, which phases it
 * takes part in, and every fault at once with what to do.
 */
import type { Grant } from '#config/module-schema.ts';
import { phase } from '../filter.ts';
import { abortImport } from '../imports.ts';
import type { ModuleFacts } from '../meter/meter-module.ts';
import { isWasiFunction, wasiModules } from '../wasi.ts';
import { abiVersions } from './abi.ts';
import { hostCallGrants } from './host-call-grants.ts';

/** Phases by the callback a module exports for each. */
const phaseCallbacks: Readonly<Record<string, number>> = {
  proxy_on_request_headers: phase.requestHead,
  proxy_on_request_body: phase.requestBody,
  proxy_on_request_trailers: phase.requestBody,
  proxy_on_response_headers: phase.responseHead,
  proxy_on_response_body: phase.responseBody,
  proxy_on_response_trailers: phase.responseBody,
  proxy_on_done: phase.log,
  proxy_on_log: phase.log,
};

const fieldReaders = [
  'proxy_get_header_map_value',
  'proxy_get_header_map_pairs',
  'proxy_get_header_map_size',
  'proxy_get_property',
];

/** Calls of WASI that need a grant, as the same call of another ABI does. */
const wasiGrants: Readonly<Record<string, Grant>> = { clock_time_get: 'clock' };

type Shape = Pick<ModuleFacts, 'imports' | 'exports'>;

/** Whether a module is written for proxy-wasm, of whatever version. */
export function isProxyWasm({ exports }: Shape): boolean {
  return exports.some(
    ({ name }) => name.startsWith('proxy_abi_version_') || name.startsWith('proxy_on_'),
  );
}

/** Bits of `phase` that the module takes part in. */
export function phasesOfProxyWasm(shape: Shape): number {
  let phases = 0;
  for (const { name } of shape.exports) {
    if (Object.hasOwn(phaseCallbacks, name)) phases |= phaseCallbacks[name] ?? 0;
  }
  // A body can only be changed before it is on its way; a module that never does so needs no waiting.
  const changesBodies = shape.imports.some(({ name }) => name === 'proxy_set_buffer_bytes');
  return changesBodies && (phases & phase.responseBody) !== 0
    ? phases | phase.buffersResponse
    : phases;
}

/** Whether it can ask in its log callback what a response's fields were. */
export function readsFieldsInLog({ exports, imports }: Shape): boolean {
  return (
    exports.some(({ name }) => name === 'proxy_on_log') &&
    imports.some(({ name }) => fieldReaders.includes(name))
  );
}

/** Empty when the module may be instantiated. */
export function findProxyWasmFaults(shape: Shape, granted: readonly string[]): readonly string[] {
  return [...versionFaults(shape), ...exportFaults(shape), ...importFaults(shape, granted)];
}

function versionFaults(shape: Shape): readonly string[] {
  const announced = shape.exports
    .map(({ name }) => name)
    .filter((name) => name.startsWith('proxy_abi_version_'));
  if (announced.some((name) => Object.hasOwn(abiVersions, name))) return [];
  const spoken = Object.values(abiVersions).join(' and ');
  const [first] = announced;
  if (first === undefined) {
    return [
      `exports no proxy_abi_version: it was built before proxy-wasm had versions (2019); this host speaks ${spoken}, so build it with a current SDK`,
    ];
  }
  const version = first.slice('proxy_abi_version_'.length).replaceAll('_', '.');
  return [
    `speaks proxy-wasm ${version}: this host speaks ${spoken}, so build it with a current SDK`,
  ];
}

function exportFaults(shape: Shape): readonly string[] {
  const exports = shape.exports;
  const kindOf = (name: string): string | undefined =>
    exports.find((item) => item.name === name)?.kind;
  const faults: string[] = [];
  if (kindOf('memory') !== 'memory')
    faults.push('does not export its memory under the name memory');
  if (kindOf('proxy_on_memory_allocate') !== 'function' && kindOf('malloc') !== 'function') {
    faults.push(
      'exports neither proxy_on_memory_allocate nor malloc: without one it cannot be answered with anything longer than a number',
    );
  }
  if (kindOf('proxy_on_context_create') !== 'function')
    faults.push('does not export proxy_on_context_create: it could never know of a request');
  if (phasesOfProxyWasm(shape) === 0) {
    const streams = kindOf('proxy_on_new_connection') ?? kindOf('proxy_on_downstream_data');
    faults.push(
      streams === undefined
        ? 'exports no callback of an HTTP request: nothing of it would ever run'
        : 'is a filter of TCP streams: only filters of HTTP requests run here',
    );
  }
  for (const { name, kind } of exports) {
    if (name.startsWith('proxy_on_') && kind !== 'function')
      faults.push(`exports ${name} as a ${kind}: it must be a function`);
  }
  return faults;
}

function importFaults(shape: Shape, granted: readonly string[]): readonly string[] {
  const faults: string[] = [];
  // The meter refuses imports of anything else than functions.
  for (const { module, name } of shape.imports) {
    const call = `${module}.${name}`;
    if (module === abortImport.module && name === abortImport.name) continue;
    const grant = grantOf(module, name);
    if (grant === undefined) {
      faults.push(
        `imports ${call}, which is no call of proxy-wasm 0.2: it was made for another host`,
      );
    } else if (grant !== null && !granted.includes(grant)) {
      faults.push(
        `imports ${call}, which it is not granted: add "${grant}" to grants of the module`,
      );
    }
  }
  return faults;
}

/** Null: every module may have it. Undefined: there is no such call. */
function grantOf(module: string, name: string): Grant | null | undefined {
  if (wasiModules.some((known) => known === module))
    return isWasiFunction(name) ? (wasiGrants[name] ?? null) : undefined;
  if (module !== 'env' || !Object.hasOwn(hostCallGrants, name)) return undefined;
  return hostCallGrants[name];
}
