/**
 * A plugin of the http-wasm handler ABI as people write them for Traefik: refuses the path its config
 * names, marks what goes to the backend, and sets a header of the response.
 */
@external('http_handler', 'enable_features')
declare function enable_features(features: u32): u32;
@external('http_handler', 'get_config')
declare function get_config(at: usize, limit: usize): u32;
@external('http_handler', 'get_uri')
declare function get_uri(at: usize, limit: usize): u32;
@external('http_handler', 'set_header_value')
declare function set_header_value(kind: u32, nameAt: usize, nameLength: usize, at: usize, length: usize): void;
@external('http_handler', 'set_status_code')
declare function set_status_code(status: u32): void;
@external('http_handler', 'write_body')
declare function write_body(kind: u32, at: usize, length: usize): void;

const bufferResponse: u32 = 2;
const request: u32 = 0;
const response: u32 = 1;
const next: u64 = 1;
const stop: u64 = 0;

const limit: usize = 8192;
const buffer = memory.data(8192);
/** What `config.text` says; read once. */
let refused = '';

/** Called by the host before the first request. */
export function _start(): void {
  enable_features(bufferResponse);
  const length = get_config(buffer, limit);
  if (length <= limit) refused = String.UTF8.decodeUnsafe(buffer, length);
}

export function handle_request(): u64 {
  const length = get_uri(buffer, limit);
  const uri = length <= limit ? String.UTF8.decodeUnsafe(buffer, length) : '';
  if (uri.startsWith(refused)) {
    set_status_code(403);
    const text = String.UTF8.encode('not for you\n');
    write_body(response, changetype<usize>(text), text.byteLength);
    return stop;
  }
  setHeader(request, 'x-plugin', 'was here');
  return next;
}

export function handle_response(context: u32, isError: u32): void {
  if (isError == 0) setHeader(response, 'x-frame-options', 'DENY');
}

function setHeader(kind: u32, name: string, value: string): void {
  const n = String.UTF8.encode(name);
  const v = String.UTF8.encode(value);
  set_header_value(kind, changetype<usize>(n), n.byteLength, changetype<usize>(v), v.byteLength);
}
