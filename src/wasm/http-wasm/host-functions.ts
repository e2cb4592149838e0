/**
 * The nineteen functions a guest of the http-wasm ABI calls.
 *
 * Every address and length comes from the guest and is checked against its memory as it is at that
 * moment. What does not fit the guest's buffer is not written; the answer says how long it is.
 *
 * `set_method` and `set_uri` change what the modules behind see and the upstream gets; the route was found before,
 * and stays.
 */
import { fieldEditProblem } from '#waf/field-edit.ts';
import { GuestFailure } from '../guest-failure.ts';
import type { GuestMemory } from '../guest-memory.ts';
import {
  bodyKind,
  bytesMovedMax,
  fieldValueBytesMax,
  type HostFunctionName,
  headerKind,
  logLevel,
  logTextBytesMax,
  statusMax,
  statusMin,
  supportedFeatures,
} from './abi.ts';
import type { HttpExchange, MessageKind, ReadableBody } from './http-exchange.ts';
import type { MessageFields } from './message-fields.ts';

/** What the functions of one instance work on. */
export interface HostState {
  /** Refreshed; fails while the start function runs and there is no memory yet. */
  memory(): GuestMemory;
  /** Fails where no request is under way; `call` names who asks. */
  exchange(call: string): HttpExchange;
  /** The exchange, or null at start. */
  current(): HttpExchange | null;
  /** Each call, with the bytes it moves; fails when a bound is reached. */
  spend(bytes: number): void;
  /** For every request; answers all that are on. */
  enableAtStart(features: number): number;
  readonly config: Buffer;
  /** `level` as the ABI has it. */
  log(level: number, text: string): void;
}

type HostFunction = (...parameters: number[]) => number | bigint | undefined;

export function hostFunctions(host: HostState): Record<HostFunctionName, HostFunction> {
  /** A text for `buf` and `buf_limit`: its length, written only where it fits. */
  const put = (bytes: Buffer, at: number, limit: number): number => {
    host.spend(bytes.length);
    if (bytes.length > 0 && bytes.length <= limit >>> 0) {
      const memory = host.memory();
      memory.checkRange(at >>> 0, bytes.length, 'the buffer');
      bytes.copy(memory.bytes, at >>> 0);
    }
    return bytes.length;
  };
  const nameOf = (name: string, call: string): string => {
    if (name === '') throw new GuestFailure('abi', `${call}: the header name is empty`);
    return name.toLowerCase();
  };
  const text = (at: number, length: number, what: string): string => {
    const bytes = length >>> 0;
    host.spend(bytes);
    const memory = host.memory();
    memory.checkRange(at >>> 0, bytes, what);
    return memory.bytes.toString('latin1', at >>> 0, (at >>> 0) + bytes);
  };
  const fieldText = (at: number, length: number): string => {
    if (length >>> 0 > fieldValueBytesMax) {
      throw new GuestFailure(
        'capacity',
        `a header value of ${length >>> 0} bytes: at most ${fieldValueBytesMax}`,
      );
    }
    return text(at, length, 'the header value');
  };
  /** Texts one behind the other, a NUL behind each: their number and length in one i64. */
  const putAll = (texts: readonly string[], at: number, limit: number): bigint => {
    if (texts.length === 0) return 0n;
    const bytes = Buffer.from(`${texts.join('\0')}\0`, 'latin1');
    return pair(texts.length, put(bytes, at, limit));
  };
  const fields = (kind: number, call: string): MessageFields | null => {
    const exchange = host.exchange(call);
    if (kind === headerKind.request) return exchange.requestFields;
    if (kind === headerKind.response) return exchange.responseFields;
    if (kind === headerKind.requestTrailers) return exchange.trailers('request');
    if (kind === headerKind.responseTrailers) return exchange.trailers('response');
    throw new GuestFailure('abi', `${call}: header kind ${kind} is not known`);
  };
  const change = (
    call: string,
    edit: 'set' | 'add' | 'remove',
    kind: number,
    nameAt: number,
    nameLength: number,
    value: string,
  ): undefined => {
    const exchange = host.exchange(call);
    const place = places[kind];
    if (place === undefined)
      throw new GuestFailure('abi', `${call}: header kind ${kind} is not known`);
    const { message, isTrailer } = place;
    const name = nameOf(text(nameAt, nameLength, 'the header name'), call);
    if (isTrailer) exchange.checkTrailerChange(message, call);
    else exchange.checkChange(message, `${message} header ${name}`);
    // Plugins that change a body set its length, which is the host's to say: to no effect, and no fault.
    if (name === 'content-length') return;
    const change = { kind: edit, name, value: value.replaceAll(outerBlanks, '') };
    const problem = fieldEditProblem(change);
    if (problem !== null) throw new GuestFailure('unsupported', `${call}: ${problem}`);
    if (isTrailer) exchange.editTrailer(message, change);
    else exchange.edit(message, change);
  };
  return {
    enable_features(asked) {
      const exchange = host.current();
      if (exchange === null) return host.enableAtStart((asked ?? 0) & supportedFeatures);
      exchange.features |= (asked ?? 0) & exchange.featuresAvailable;
      return exchange.features;
    },
    get_config: (at = 0, limit = 0) => put(host.config, at, limit),
    log(level = 0, at = 0, length = 0) {
      if (level >= logLevel.none) return;
      const end = text(at, length, 'the log text').slice(0, logTextBytesMax);
      host.log(level, Buffer.from(end, 'latin1').toString('utf8'));
    },
    log_enabled: (level = 0) => (level > logLevel.debug && level < logLevel.none ? 1 : 0),

    get_method: (at = 0, limit = 0) =>
      put(Buffer.from(host.exchange('get_method').line.method, 'latin1'), at, limit),
    set_method(at = 0, length = 0) {
      const exchange = host.exchange('set_method');
      exchange.changeLine('set_method', { method: text(at, length, 'the method') });
    },
    get_uri: (at = 0, limit = 0) =>
      put(Buffer.from(host.exchange('get_uri').line.uri, 'latin1'), at, limit),
    set_uri(at = 0, length = 0) {
      const exchange = host.exchange('set_uri');
      const uri = text(at, length, 'the URI');
      exchange.changeLine('set_uri', { uri: uri.startsWith('?') || uri === '' ? `/${uri}` : uri });
    },
    get_protocol_version(at = 0, limit = 0) {
      const { major, minor } = host.exchange('get_protocol_version').transaction.request;
      return put(major === 2 ? http20 : minor === 0 ? http10 : http11, at, limit);
    },
    get_source_addr(at = 0, limit = 0) {
      const { clientAddress } = host.exchange('get_source_addr').transaction.facts;
      // Behind trusted proxies nobody knows the client's port: 0 keeps the form that plugins take apart.
      const address = clientAddress.includes(':') ? `[${clientAddress}]` : clientAddress;
      return put(Buffer.from(`${address}:0`, 'latin1'), at, limit);
    },

    get_header_names: (kind = 0, at = 0, limit = 0) =>
      putAll(fields(kind, 'get_header_names')?.names() ?? [], at, limit),
    get_header_values(kind = 0, nameAt = 0, nameLength = 0, at = 0, limit = 0) {
      const name = nameOf(text(nameAt, nameLength, 'the header name'), 'get_header_values');
      return putAll(fields(kind, 'get_header_values')?.values(name) ?? [], at, limit);
    },
    set_header_value: (kind = 0, nameAt = 0, nameLength = 0, at = 0, length = 0) =>
      change('set_header_value', 'set', kind, nameAt, nameLength, fieldText(at, length)),
    add_header_value: (kind = 0, nameAt = 0, nameLength = 0, at = 0, length = 0) =>
      change('add_header_value', 'add', kind, nameAt, nameLength, fieldText(at, length)),
    remove_header: (kind = 0, nameAt = 0, nameLength = 0) =>
      change('remove_header', 'remove', kind, nameAt, nameLength, ''),

    read_body(kind = 0, at = 0, limit = 0) {
      const exchange = host.exchange('read_body');
      const body = bodyOf(exchange, kind);
      const room = limit >>> 0;
      if (room === 0) throw new GuestFailure('abi', 'read_body: the buffer has no room');
      const length = Math.min(body.bytes.length - body.at, room, bytesMovedMax);
      if (length === 0 && !body.isWhole) {
        throw new GuestFailure(
          'capacity',
          `read_body: the body is longer than the ${body.bytes.length} bytes that are held back for modules`,
        );
      }
      host.spend(length);
      const memory = host.memory();
      memory.checkRange(at >>> 0, length, 'the buffer');
      body.bytes.copy(memory.bytes, at >>> 0, body.at, body.at + length);
      body.at += length;
      return pair(body.isWhole && body.at === body.bytes.length ? 1 : 0, length);
    },
    write_body(kind = 0, at = 0, length = 0) {
      const exchange = host.exchange('write_body');
      const message = messageOf(kind, 'write_body');
      exchange.checkChange(message, `the ${message} body`);
      const bytes = length >>> 0;
      host.spend(bytes);
      const memory = host.memory();
      memory.checkRange(at >>> 0, bytes, 'the body');
      exchange.write(message, Buffer.from(memory.bytes.subarray(at >>> 0, (at >>> 0) + bytes)));
    },

    get_status_code() {
      const exchange = host.exchange('get_status_code');
      host.spend(0);
      exchange.checkBuffered('the status code');
      if (exchange.status !== 0) return exchange.status;
      return exchange.hasResponse ? (exchange.transaction.response?.status ?? 0) : 200;
    },
    set_status_code(status = 0) {
      const exchange = host.exchange('set_status_code');
      host.spend(0);
      exchange.checkChange('response', 'the status code');
      if (status < statusMin || status > statusMax) {
        throw new GuestFailure(
          'abi',
          `status ${status} is not between ${statusMin} and ${statusMax}`,
        );
      }
      exchange.status = status;
    },
  };
}

/** By header kind. */
const places: readonly { readonly message: MessageKind; readonly isTrailer: boolean }[] = [
  { message: 'request', isTrailer: false },
  { message: 'response', isTrailer: false },
  { message: 'request', isTrailer: true },
  { message: 'response', isTrailer: true },
];
const http10 = Buffer.from('HTTP/1.0');
const http11 = Buffer.from('HTTP/1.1');
const http20 = Buffer.from('HTTP/2.0');
/** Of a value; no parser keeps them. */
const outerBlanks = /^[\t ]+|[\t ]+$/g;

function messageOf(kind: number, call: string): 'request' | 'response' {
  if (kind === bodyKind.request) return 'request';
  if (kind === bodyKind.response) return 'response';
  throw new GuestFailure('abi', `${call}: body kind ${kind} is not known`);
}

function bodyOf(exchange: HttpExchange, kind: number): ReadableBody {
  if (messageOf(kind, 'read_body') === 'response') {
    exchange.checkBuffered('the response body');
    return exchange.responseBody;
  }
  if (exchange.stage === 'response')
    throw new GuestFailure('abi', 'read_body: in handle_response the request body has gone on');
  return exchange.requestBody;
}

/** `high << 32 | low`. */
function pair(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
