/** What a worker gives to every module, as proxy-wasm needs it. */
import { type HostServices, logLevel } from '../host-services.ts';
import type { CompileSource } from '../live-module.ts';
import type { ProxyWasmServices } from './host.ts';
import type { HttpCaller } from './http-call.ts';
import { ModuleState } from './module-state.ts';
import type { Pair } from './pairs.ts';

/** The database that `request.country` and its like are read from. */
const geoDatabase = 'geo';

/** By module name; a worker's states end with its services. */
const statesOfWorker = new WeakMap<HostServices, Map<string, ModuleState>>();

export function proxyWasmServices(
  host: HostServices,
  { name: module, grants, databases }: CompileSource,
): ProxyWasmServices {
  const file = grants.includes('databases') ? databases[geoDatabase] : undefined;
  const levels = [logLevel.debug, logLevel.info, logLevel.warn, logLevel.error] as const;
  return {
    log: (level, text) => host.log(levels[level - 1] ?? logLevel.info, module, text),
    wallNanoseconds: () => BigInt(Math.round(host.wallMs() * 1_000)) * 1_000n,
    monotonicNanoseconds: () => BigInt(Math.round(host.monotonicMicros())) * 1_000n,
    counter: (call) => host.metrics.hostCalls(module, call),
    state: stateOf(host, module),
    caller: callerOf(host, module),
    lookup: (address, path) =>
      file === undefined ? null : (host.database(file)?.lookup(address, path) ?? null),
  };
}

/** What modules that are gone have kept goes with them. */
export function retainProxyWasmStates(host: HostServices, names: ReadonlySet<string>): void {
  const states = statesOfWorker.get(host);
  for (const name of states?.keys() ?? []) if (!names.has(name)) states?.delete(name);
}

function stateOf(host: HostServices, module: string): ModuleState {
  const states = statesOfWorker.get(host) ?? new Map<string, ModuleState>();
  statesOfWorker.set(host, states);
  const known = states.get(module);
  if (known !== undefined) return known;
  const state = new ModuleState((kind, name) => host.metrics.define(module, kind, name));
  states.set(module, state);
  return state;
}

function callerOf(host: HostServices, module: string): HttpCaller {
  return async (url, { method, fields, body }, signal) => {
    const reply = await host.fetcher.call(
      module,
      { url, method, fields: joined(fields), body: body.length === 0 ? null : body },
      signal,
    );
    if (reply === null) return null;
    return {
      fields: [[':status', String(reply.status)], ...pairsOf(reply.fields)],
      body: reply.body,
    };
  };
}

/** Fields of one name are one list (RFC 9110 section 5.3). */
function joined(fields: readonly Pair[]): Readonly<Record<string, string>> {
  const record: Record<string, string> = {};
  for (const [name, value] of fields)
    record[name] = record[name] === undefined ? value : `${record[name]}, ${value}`;
  return record;
}

function pairsOf(
  fields: Readonly<Record<string, string | readonly string[] | undefined>>,
): readonly Pair[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    [value ?? ''].flat().map((one): Pair => [name, one]),
  );
}
