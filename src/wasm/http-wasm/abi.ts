/**
 * The http-wasm handler ABI (http-wasm.io/http-handler-abi), the one Traefik's plugins speak, in
 * numbers: what a guest exports, what it may import, and the bounds this host sets.
 *
 * ```
 * start ─► handle_request() ─► ctx << 32 | next
 *              next = 0: what the guest has written is the answer
 *              next = 1: the upstream's turn ─► handle_response(ctx, isError)
 * ```
 */

export const hostModule = 'http_handler';

export const handleRequest = 'handle_request';
export const handleResponse = 'handle_response';

/** All of the host's functions, with their signatures as the ABI has them. */
export const hostFunctionTypes = {
  enable_features: '(i32)->i32',
  get_config: '(i32,i32)->i32',
  log: '(i32,i32,i32)->',
  log_enabled: '(i32)->i32',
  get_method: '(i32,i32)->i32',
  set_method: '(i32,i32)->',
  get_uri: '(i32,i32)->i32',
  set_uri: '(i32,i32)->',
  get_protocol_version: '(i32,i32)->i32',
  get_source_addr: '(i32,i32)->i32',
  get_header_names: '(i32,i32,i32)->i64',
  get_header_values: '(i32,i32,i32,i32,i32)->i64',
  set_header_value: '(i32,i32,i32,i32,i32)->',
  add_header_value: '(i32,i32,i32,i32,i32)->',
  remove_header: '(i32,i32,i32)->',
  read_body: '(i32,i32,i32)->i64',
  write_body: '(i32,i32,i32)->',
  get_status_code: '()->i32',
  set_status_code: '(i32)->',
} as const;

export type HostFunctionName = keyof typeof hostFunctionTypes;

/** Bits of `enable_features`. */
export const feature = {
  bufferRequest: 1,
  bufferResponse: 2,
  trailers: 4,
} as const;

export const supportedFeatures = feature.bufferRequest | feature.bufferResponse | feature.trailers;

export const headerKind = {
  request: 0,
  response: 1,
  requestTrailers: 2,
  responseTrailers: 3,
} as const;

export const bodyKind = { request: 0, response: 1 } as const;

/** The ABI's levels; -1 so that nobody gets debug by leaving a zero. */
export const logLevel = { debug: -1, info: 0, warn: 1, error: 2, none: 3 } as const;

/** A guest reads bodies in pieces, often of 2 KiB. */
export const hostCallsMax = 4_096;
/** Over the border in one call, both ways together. */
export const bytesMovedMax = 4 * 1024 * 1024;
/** What a guest may write as the body of a message. */
export const writtenBodyBytesMax = 1024 * 1024;
export const fieldValueBytesMax = 8_192;
export const logTextBytesMax = 1_024;
/** As the guest may answer itself; informational ones are the connection's own affair. */
export const statusMin = 200;
export const statusMax = 599;
