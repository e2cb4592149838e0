/**
 * The request head as the host wrote it (`wasm-rules/abi.md`), taken apart into values: headers, cookies, query
 * arguments and what ModSecurity calls the parts of the request line.
 *
 * Fields of one name are one value joined with `, `, as Apache hands them to ModSecurity; Content-Length lines too,
 * so that what several of them say together is seen.
 */
import { arenaTake } from '../engine/arena';
import { parseCookies } from '../engine/body/cookies';
import { parseUrlEncoded } from '../engine/body/url-encoded';
import { Collection } from '../engine/sink';
import { hexPair } from '../engine/transform/digits';
import { charge } from './fuel';
import { SettingWord, Single, word } from './layout';
import { equalsAnyCase, equalsLower } from './text';
import {
  addValue,
  firstOf,
  nameAt,
  nameLength,
  nextOf,
  replaceText,
  valueAt,
  valueLength,
} from './values';

// Words of a request head view.
const methodWord: i32 = 3;
const targetWord: i32 = 4;
const pathWord: i32 = 6;
const queryWord: i32 = 8;
const hostWord: i32 = 10;
const clientWord: i32 = 12;
const headerCountWord: i32 = 14;
const tableWord: i32 = 15;
const headWord: i32 = 2;

export function readRequestHead(view: usize, settings: usize): void {
  const head = view + word(view, headWord);
  readHeaders(view, view + (tableWord << 2), word(view, headerCountWord), Collection.requestHeaders);
  const target = view + word(view, targetWord);
  const targetLength = <i32>word(view, targetWord + 1);
  const path = view + word(view, pathWord);
  const pathLength = <i32>word(view, pathWord + 1);
  single(Single.requestMethod, head, <i32>word(view, methodWord));
  single(Single.requestUriRaw, target, targetLength);
  const isAbsolute = path > target;
  single(
    Single.requestUri,
    isAbsolute ? path : target,
    isAbsolute ? targetLength - <i32>(path - target) : targetLength,
  );
  readFilename(path, pathLength);
  const query = word(view, queryWord);
  const queryLength = <i32>word(view, queryWord + 1);
  single(Single.queryString, query == 0 ? target : view + query, query == 0 ? 0 : queryLength);
  const lineLength = lengthOfLine(head, target + targetLength);
  single(Single.requestLine, head, lineLength);
  readProtocol(target + targetLength, head + lineLength);
  single(Single.remoteAddr, view + word(view, clientWord), <i32>word(view, clientWord + 1));
  single(Single.remoteHost, view + word(view, clientWord), <i32>word(view, clientWord + 1));
  const host = word(view, hostWord);
  if (host != 0) readServerName(view + host, <i32>word(view, hostWord + 1));
  if (query != 0 && queryLength > 0)
    parseUrlEncoded(view + query, queryLength, Collection.argsGet, <u8>word(settings, SettingWord.argumentSeparator));
  for (let header = firstOf(Collection.requestHeaders); header != 0; header = nextOf(header))
    if (nameLength(header) == 6 && equalsLower(nameAt(header), 6, cookieName))
      parseCookies(valueAt(header), valueLength(header));
}

const oldestProtocol = memory.data<u8>([0x48, 0x54, 0x54, 0x50, 0x2f, 0x30, 0x2e, 0x39]);
const cookieName = memory.data<u8>([0x63, 0x6f, 0x6f, 0x6b, 0x69, 0x65]);

@inline
function single(source: i32, at: usize, length: i32): void {
  addValue(source, 0, 0, at, length);
}

/**
 * The path with its escapes undone, as Apache has it when rules run (r->uri), but without taking dot segments out: what
 * a rule is there to see. `+` stays what it is in a path.
 */
function readFilename(path: usize, length: i32): void {
  let at = path;
  let bytes = length;
  let escape = 0;
  while (escape < length && load<u8>(path + escape) != 0x25) escape++;
  if (escape < length) {
    charge(<u32>length);
    at = arenaTake(length);
    bytes = 0;
    for (let i = 0; i < length; i++) {
      let byte = <i32>load<u8>(path + i);
      if (byte == 0x25 && i + 2 < length) {
        const pair = hexPair(path + i + 1);
        if (pair >= 0) {
          byte = pair;
          i += 2;
        }
      }
      store<u8>(at + bytes++, <u8>byte);
    }
  }
  single(Single.requestFilename, at, bytes);
  let base = at + bytes;
  while (base > at && load<u8>(base - 1) != 0x2f && load<u8>(base - 1) != 0x5c) base--;
  single(Single.requestBasename, base, <i32>(at + bytes - base));
}

/** From the start of the head to the end of its first line. */
function lengthOfLine(head: usize, from: usize): i32 {
  let at = from;
  while (load<u8>(at) != 0x0d && load<u8>(at) != 0x0a) at++;
  return <i32>(at - head);
}

function readProtocol(from: usize, end: usize): void {
  while (from < end && load<u8>(from) == 0x20) from++;
  // A line that names none is of HTTP/0.9, as Apache calls it.
  if (from == end) single(Single.requestProtocol, oldestProtocol, 8);
  else single(Single.requestProtocol, from, <i32>(end - from));
}

function readServerName(at: usize, length: i32): void {
  let end = length;
  if (length > 0 && load<u8>(at) != 0x5b)
    for (let i = 0; i < length; i++)
      if (load<u8>(at + i) == 0x3a) {
        end = i;
        break;
      }
  single(Single.serverName, at, end);
}

/** Four words a field: name, its length, value, its length; offsets from the view. */
export function readHeaders(view: usize, table: usize, count: u32, source: i32): void {
  for (let i: u32 = 0; i < count; i++, table += 16) {
    const name = view + word(table, 0);
    const length = <i32>word(table, 1);
    const at = view + word(table, 2);
    const valueBytes = <i32>word(table, 3);
    const before = headerNamed(source, name, length);
    if (before == 0) addValue(source, name, length, at, valueBytes);
    else join(before, at, valueBytes);
  }
}

export function headerNamed(source: i32, name: usize, length: i32): usize {
  for (let value = firstOf(source); value != 0; value = nextOf(value)) {
    charge(1);
    if (nameLength(value) == length && equalsAnyCase(nameAt(value), length, name)) return value;
  }
  return 0;
}

function join(value: usize, at: usize, length: i32): void {
  const first = valueLength(value);
  charge(16 + <u32>first + <u32>length);
  const joined = arenaTake(first + 2 + length);
  memory.copy(joined, valueAt(value), first);
  store<u8>(joined + first, 0x2c);
  store<u8>(joined + first, 0x20, 1);
  memory.copy(joined + first + 2, at, length);
  replaceText(value, joined, first + 2 + length);
}

// Words of a response head view.
const statusWord: i32 = 2;
const reasonWord: i32 = 4;
const responseCountWord: i32 = 6;
const responseTableWord: i32 = 8;

export function readResponseHead(view: usize): void {
  readHeaders(view, view + (responseTableWord << 2), word(view, responseCountWord), Collection.responseHeaders);
}

export function responseStatus(view: usize): i32 {
  return <i32>word(view, statusWord);
}

export function reasonAt(view: usize): usize {
  return view + word(view, reasonWord);
}

export function reasonLength(view: usize): i32 {
  return <i32>word(view, reasonWord + 1);
}
