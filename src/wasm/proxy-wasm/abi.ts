/**
 * The numbers of the proxy-wasm ABI, versions 0.2.0 and 0.2.1 (github.com/proxy-wasm/spec), by the names
 * the specification gives them.
 */

/** What a host call answers. */
export const status = {
  ok: 0,
  notFound: 1,
  badArgument: 2,
  invalidMemoryAccess: 6,
  empty: 7,
  casMismatch: 8,
  internalFailure: 10,
  unimplemented: 12,
} as const;

export const mapType = {
  requestHeaders: 0,
  requestTrailers: 1,
  responseHeaders: 2,
  responseTrailers: 3,
  callResponseHeaders: 6,
  callResponseTrailers: 7,
} as const;

export const bufferType = {
  requestBody: 0,
  responseBody: 1,
  callResponseBody: 4,
  vmConfiguration: 6,
  pluginConfiguration: 7,
} as const;
export const bufferTypeMax = 8;
export const mapTypeMax = 7;

export const streamType = { request: 0, response: 1 } as const;
export const streamTypeMax = 3;

export const metricType = { counter: 0, gauge: 1, histogram: 2 } as const;

export const logLevelMax = 5;

/** Versions this host speaks, by the export a module announces each with. */
export const abiVersions: Readonly<Record<string, string>> = {
  proxy_abi_version_0_2_0: '0.2.0',
  proxy_abi_version_0_2_1: '0.2.1',
};

/** The plugin's own context; each request has one from 2 on. */
export const rootContextId = 1;
