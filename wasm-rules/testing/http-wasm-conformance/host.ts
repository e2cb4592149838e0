/** The host's functions of the http-wasm handler ABI, with texts as AssemblyScript strings. */

@external('http_handler', 'enable_features')
export declare function enable_features(features: u32): u32;
@external('http_handler', 'get_config')
declare function get_config(at: usize, limit: usize): u32;
@external('http_handler', 'log')
declare function host_log(level: i32, at: usize, length: usize): void;
@external('http_handler', 'log_enabled')
export declare function log_enabled(level: i32): u32;
@external('http_handler', 'get_method')
declare function get_method(at: usize, limit: usize): u32;
@external('http_handler', 'set_method')
declare function set_method(at: usize, length: usize): void;
@external('http_handler', 'get_uri')
declare function get_uri(at: usize, limit: usize): u32;
@external('http_handler', 'set_uri')
declare function set_uri(at: usize, length: usize): void;
@external('http_handler', 'get_protocol_version')
declare function get_protocol_version(at: usize, limit: usize): u32;
@external('http_handler', 'get_source_addr')
declare function get_source_addr(at: usize, limit: usize): u32;
@external('http_handler', 'get_header_names')
declare function get_header_names(kind: u32, at: usize, limit: usize): u64;
@external('http_handler', 'get_header_values')
declare function get_header_values(kind: u32, nameAt: usize, nameLength: usize, at: usize, limit: usize): u64;
@external('http_handler', 'set_header_value')
declare function set_header_value(kind: u32, nameAt: usize, nameLength: usize, at: usize, length: usize): void;
@external('http_handler', 'add_header_value')
declare function add_header_value(kind: u32, nameAt: usize, nameLength: usize, at: usize, length: usize): void;
@external('http_handler', 'remove_header')
declare function remove_header(kind: u32, nameAt: usize, nameLength: usize): void;
@external('http_handler', 'read_body')
declare function read_body(kind: u32, at: usize, limit: usize): u64;
@external('http_handler', 'write_body')
declare function write_body(kind: u32, at: usize, length: usize): void;
@external('http_handler', 'get_status_code')
export declare function get_status_code(): u32;
@external('http_handler', 'set_status_code')
export declare function set_status_code(status: u32): void;

export const REQUEST: u32 = 0;
export const RESPONSE: u32 = 1;
export const REQUEST_TRAILERS: u32 = 2;
export const RESPONSE_TRAILERS: u32 = 3;

/** Small, so that longer texts have to be asked for twice. */
const bufferBytes: usize = 2048;
const buffer = memory.data(2048);

function text(at: usize, length: usize): string {
  return String.UTF8.decodeUnsafe(at, length);
}

type Getter = (at: usize, limit: usize) => u32;

function read(get: Getter): string {
  const length = get(buffer, bufferBytes);
  if (length <= bufferBytes) return text(buffer, length);
  const room = heap.alloc(length);
  return text(room, get(room, length));
}

export const config = (): string => read((at, limit) => get_config(at, limit));
export const method = (): string => read((at, limit) => get_method(at, limit));
export const uri = (): string => read((at, limit) => get_uri(at, limit));
export const protocolVersion = (): string => read((at, limit) => get_protocol_version(at, limit));
export const sourceAddress = (): string => read((at, limit) => get_source_addr(at, limit));

function split(at: usize, countLength: u64): string[] {
  const count = <i32>(countLength >> 32);
  const all = text(at, <usize>(<u32>countLength));
  const parts = all.split('\0');
  // Each has a NUL behind it, so one empty part stands at the end.
  assert(count == 0 ? all.length == 0 : parts.length == count + 1);
  parts.length = count;
  return parts;
}

export function headerNames(kind: u32): string[] {
  const countLength = get_header_names(kind, buffer, bufferBytes);
  const length = <usize>(<u32>countLength);
  if (length <= bufferBytes) return split(buffer, countLength);
  const room = heap.alloc(length);
  return split(room, get_header_names(kind, room, length));
}

export function headerValues(kind: u32, name: string): string[] {
  const n = String.UTF8.encode(name);
  const countLength = get_header_values(kind, changetype<usize>(n), n.byteLength, buffer, bufferBytes);
  const length = <usize>(<u32>countLength);
  if (length <= bufferBytes) return split(buffer, countLength);
  const room = heap.alloc(length);
  return split(room, get_header_values(kind, changetype<usize>(n), n.byteLength, room, length));
}

export function header(name: string): string {
  const values = headerValues(REQUEST, name);
  return values.length == 0 ? '' : values[0];
}

export function setHeader(kind: u32, name: string, value: string): void {
  const n = String.UTF8.encode(name);
  const v = String.UTF8.encode(value);
  set_header_value(kind, changetype<usize>(n), n.byteLength, changetype<usize>(v), v.byteLength);
}

export function addHeader(kind: u32, name: string, value: string): void {
  const n = String.UTF8.encode(name);
  const v = String.UTF8.encode(value);
  add_header_value(kind, changetype<usize>(n), n.byteLength, changetype<usize>(v), v.byteLength);
}

export function removeHeader(kind: u32, name: string): void {
  const n = String.UTF8.encode(name);
  remove_header(kind, changetype<usize>(n), n.byteLength);
}

export function body(kind: u32): string {
  let all = '';
  while (true) {
    const read = read_body(kind, buffer, bufferBytes);
    all += text(buffer, <usize>(<u32>read));
    if (read >> 32 != 0) return all;
  }
}

/** At most `bytes` of it, in one call. */
export function bodyStart(kind: u32, bytes: usize): string {
  return text(buffer, <usize>(<u32>read_body(kind, buffer, bytes)));
}

export function writeBody(kind: u32, value: string): void {
  const v = String.UTF8.encode(value);
  write_body(kind, changetype<usize>(v), v.byteLength);
}

export function setMethod(value: string): void {
  const v = String.UTF8.encode(value);
  set_method(changetype<usize>(v), v.byteLength);
}

export function setUri(value: string): void {
  const v = String.UTF8.encode(value);
  set_uri(changetype<usize>(v), v.byteLength);
}

export function log(level: i32, value: string): void {
  const v = String.UTF8.encode(value);
  host_log(level, changetype<usize>(v), v.byteLength);
}
