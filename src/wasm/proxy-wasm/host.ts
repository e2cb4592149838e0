/**
 * What a proxy-wasm guest is made with and what its host calls work on. `guest.ts` holds one for each
 * instance; the files of `calls/` are its host calls by subject.
 */
import type { GuestAccess } from './guest-access.ts';
import type { GrantedServer, HttpCaller, HttpCallResponse } from './http-call.ts';
import type { ModuleState } from './module-state.ts';
import type { StreamContext } from './stream-context.ts';

/** One version of a module, as the configuration has it. */
export type ProxyWasmSettings = {
  readonly name: string;
  /** For `proxy_on_configure`. */
  readonly configuration: Buffer;
  /** `plugin_root_id`, by which a module with several plugins tells which one is meant. */
  readonly rootId: string;
  /** `NAME=value` each. */
  readonly environment: readonly string[];
  /** By name, for `proxy_get_secret`. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Instructions one call may take. */
  readonly fuel: number;
  /** Where `proxy_http_call` may go. */
  readonly servers: readonly GrantedServer[];
};

/** What the worker gives. */
export type ProxyWasmServices = {
  /** 1 debug, 2 info, 3 warn, 4 error. */
  readonly log: (level: 1 | 2 | 3 | 4, text: string) => void;
  readonly wallNanoseconds: () => bigint;
  readonly monotonicNanoseconds: () => bigint;
  /** What counts the calls of that name. */
  readonly counter: (call: string) => { value: number };
  readonly state: ModuleState;
  readonly caller: HttpCaller;
  /** Text at a path of the address database; null for nothing. */
  readonly lookup: (address: string, path: string) => string | null;
};

/** The part of a guest that its host calls see. */
export interface CallHost {
  readonly settings: ProxyWasmSettings;
  readonly services: ProxyWasmServices;
  readonly access: GuestAccess;
  /** The request that calls are about; null for the plugin itself. */
  effective: StreamContext | null;
  /** Of the callback that runs now; null outside of `proxy_on_http_call_response`. */
  readonly callResponse: HttpCallResponse | null;
  context(id: number): StreamContext | undefined;
  /** A request may go on once the guest has returned. */
  settle(context: StreamContext): void;
  setTick(periodMs: number): void;
  /** The call's number; 0 when there are too many under way. */
  startCall(url: URL, request: Parameters<HttpCaller>[1], timeoutMs: number): number;
  queueReady(token: number): void;
  /** Something this host does not do, said once for each `what`. */
  refuse(what: string): void;
}

export type HostCalls = Record<string, (...parameters: never[]) => number>;
