/** Opens the SDK's readers to the unit tests in `test/wasm/sdk-readers.test.ts`. */
import { arenaCreate, arenaReset } from '../sdk/arena';
import { Config } from '../sdk/config';
import { Cookies } from '../sdk/cookie';
import { Json, JsonToken } from '../sdk/json';
import * as matcher from '../sdk/matcher';
import { Parameters } from '../sdk/query';
import { Request } from '../sdk/request';
import { utf8 } from '../sdk/strings';

let json: Json = new Json(0, 0);
let parameters: Parameters = new Parameters(0, 0);
let cookies: Cookies = new Cookies(changetype<Request>(0));

export let at: usize = 0;
export let length: i32 = 0;
export let valueAt: usize = 0;
export let valueLength: i32 = 0;
export let configured: string = '';

export function prepare(bytes: i32): usize {
  arenaCreate(<usize>bytes * 2 + 64);
  return heap.alloc(bytes);
}

export function jsonBegin(from: usize, size: i32): void {
  arenaReset();
  json = new Json(from, size);
}

export function jsonNext(): i32 {
  const token = json.next();
  at = json.at;
  length = json.length;
  return token;
}

export function jsonSkip(): bool {
  return json.skip();
}

export function jsonDecode(): void {
  json.decode();
  at = json.at;
  length = json.length;
}

export function jsonNumber(): f64 {
  return json.number();
}

export function jsonIsInteger(): bool {
  return json.isInteger();
}

export function jsonInteger(): f64 {
  return <f64>json.integer;
}

/** `key "é"`: a name that needs its escapes undone. */
export function jsonIsKey(): bool {
  return json.is('key "q"');
}

export function jsonFault(): string {
  return json.fault;
}

export function jsonFaultAt(): i32 {
  return json.faultAt;
}

export function parametersBegin(from: usize, size: i32): void {
  arenaReset();
  parameters = new Parameters(from, size);
}

/** Name and value of the next one, decoded; false when there is none. */
export function parametersNext(): bool {
  if (!parameters.next()) return false;
  parameters.decodeName();
  at = parameters.at;
  length = parameters.length;
  parameters.decode();
  valueAt = parameters.at;
  valueLength = parameters.length;
  return true;
}

export function parametersFind(): bool {
  parameters.rewind();
  return parameters.find('a b');
}

export function cookiesBegin(view: usize): void {
  cookies = new Cookies(changetype<Request>(view));
}

export function cookiesNext(): bool {
  if (!cookies.next()) return false;
  at = cookies.nameAt;
  length = cookies.nameLength;
  valueAt = cookies.valueAt;
  valueLength = cookies.valueLength;
  return true;
}

export function cookiesFind(): bool {
  cookies.rewind();
  if (!cookies.find('session')) return false;
  valueAt = cookies.valueAt;
  valueLength = cookies.valueLength;
  return true;
}

export function globBytes(a: usize, al: i32, b: usize, bl: i32, ignoreCase: bool): bool {
  return matcher.globBytes(a, al, b, bl, ignoreCase);
}

export function globLiteral(a: usize, al: i32): bool {
  return matcher.glob(a, al, '/api/*/v?*.json');
}

/** One bit a question, each against the bytes of the other text. */
export function compareBytes(a: usize, al: i32, b: usize, bl: i32): i32 {
  return (
    (matcher.equalsBytes(a, al, b, bl) ? 1 : 0) |
    (matcher.equalsBytesIgnoreCase(a, al, b, bl) ? 2 : 0) |
    (matcher.startsWithBytes(a, al, b, bl) ? 4 : 0) |
    (matcher.endsWithBytes(a, al, b, bl) ? 8 : 0) |
    (matcher.containsBytes(a, al, b, bl) ? 16 : 0)
  );
}

/** The same questions against a literal, and those without case. */
export function compareLiteral(a: usize, al: i32): i32 {
  return (
    (matcher.equals(a, al, 'ab-ab') ? 1 : 0) |
    (matcher.startsWith(a, al, 'ab-ab') ? 4 : 0) |
    (matcher.endsWith(a, al, 'ab-ab') ? 8 : 0) |
    (matcher.contains(a, al, 'ab-ab') ? 16 : 0) |
    (matcher.endsWithIgnoreCase(a, al, 'ab-ab') ? 32 : 0) |
    (matcher.containsIgnoreCase(a, al, 'ab-ab') ? 64 : 0)
  );
}

/** What a module with a few keys of each kind understood, as text. */
export function configure(from: usize, size: i32): void {
  const config = new Config(from, size);
  const status = config.integer('status', 403, 400, 599);
  const isStrict = config.flag('strict', false);
  const mode = config.choice('mode', 'block', ['block', 'tag']);
  const paths = config.strings('paths');
  const limits = config.object('limits');
  let burst = 0;
  if (limits != null) {
    burst = limits.integer('burst', 1, 1, 100);
    limits.done();
  }
  const rules = config.objects('rules');
  let ids = '';
  for (let i = 0; i < rules.length; i++) {
    ids += ' ' + rules[i].required('id');
    rules[i].done();
  }
  config.done();
  configured =
    `${status} ${isStrict} ${mode} [${paths.join('|')}] ${burst}` + ids;
}

export function textOf(from: usize, size: i32): string {
  return utf8(from, size);
}

export const wrong: i32 = JsonToken.Wrong;
