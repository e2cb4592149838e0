/**
 * A JSON-RPC 2.0 body, one message or a batch, read once: what each message calls, and every text in it.
 *
 * What two readers could take differently is malformed: a name that stands twice where it counts, and a
 * name that is `method`, `params` or `name` only for those who do not look at case (Go's `encoding/json`
 * does not, and folds letters of Unicode on top).
 */
import { arenaMark, arenaRelease, arenaTake } from '../../sdk/arena';
import { Json, JsonToken } from '../../sdk/json';
import { equals } from '../../sdk/matcher';
import { writePlainText } from '../../sdk/plain-text';

/** Asked about each message; false ends the reading. `toolLength` -1: `params` has no string `name`. */
export type OnMessage = (methodAt: usize, methodLength: i32, toolAt: usize, toolLength: i32) => bool;
/** Asked about each text and name, decoded; false ends the reading. */
export type OnText = (at: usize, length: i32) => bool;

/** Why a body is malformed, of the last `readBody` that answered false; empty when a callback ended it. */
export let malformed: string = '';
/** Messages seen. */
export let messages: i32 = 0;

const whatMethod: i32 = 1;
const whatParams: i32 = 2;
const whatName: i32 = 4;

let depthMax: i32 = 0;
let onText: OnText = neverText;
let onMessage: OnMessage = neverMessage;
let batchMax: i32 = 0;
/** More messages than `batchMax`: the rest was not read. */
export let isBatchTooLong: bool = false;

export function setBounds(depth: i32, batch: i32, text: OnText, message: OnMessage): void {
  depthMax = depth;
  batchMax = batch;
  onText = text;
  onMessage = message;
}

export function readBody(at: usize, length: i32): bool {
  malformed = '';
  messages = 0;
  isBatchTooLong = false;
  const json = new Json(at, length);
  const first = json.next();
  if (first == JsonToken.ObjectBegin) {
    if (!readMessage(json)) return false;
  } else if (first == JsonToken.ArrayBegin) {
    while (json.next() == JsonToken.ObjectBegin) {
      if (messages == batchMax) {
        isBatchTooLong = true;
        return false;
      }
      if (!readMessage(json)) return false;
    }
    if (json.token == JsonToken.Wrong) return wrong(json.fault);
    if (json.token != JsonToken.ArrayEnd) return wrong('a batch holds something else than messages');
    if (messages == 0) return wrong('an empty batch');
  } else return wrong(first == JsonToken.Wrong ? json.fault : 'neither an object nor a list');
  return json.next() == JsonToken.End ? true : wrong(json.fault);
}

/** From the brace that opens it to the one that ends it. */
function readMessage(json: Json): bool {
  messages++;
  let seen = 0;
  let methodAt: usize = 0;
  let methodLength = -1;
  toolLength = -1;
  while (json.next() == JsonToken.Key) {
    const what = nameOf(json);
    if (what < 0 || (seen & what) != 0) return wrong('a name that counts twice, or only for some readers');
    seen |= what & ~whatName;
    if (!showText(json)) return false;
    json.next();
    if (what == whatMethod) {
      if (json.token != JsonToken.String) return wrong('method is no string');
      json.decode();
      methodAt = json.at;
      methodLength = json.length;
      if (!onText(methodAt, methodLength)) return false;
    } else if (what == whatParams && json.token == JsonToken.ObjectBegin) {
      if (!readParams(json)) return false;
    } else if (!readValue(json)) return false;
  }
  if (json.token == JsonToken.Wrong) return wrong(json.fault);
  // A response has no method: nothing is called.
  return methodLength < 0 || onMessage(methodAt, methodLength, toolAt, toolLength);
}

let toolAt: usize = 0;
let toolLength: i32 = -1;

function readParams(json: Json): bool {
  let seen = 0;
  while (json.next() == JsonToken.Key) {
    const what = nameOf(json);
    if (what < 0 || (seen & what & whatName) != 0)
      return wrong('a name that counts twice, or only for some readers');
    seen |= what;
    if (!showText(json)) return false;
    json.next();
    if (what == whatName && json.token == JsonToken.String) {
      json.decode();
      toolAt = json.at;
      toolLength = json.length;
      if (!onText(toolAt, toolLength)) return false;
    } else if (!readValue(json)) return false;
  }
  return json.token == JsonToken.Wrong ? wrong(json.fault) : true;
}

/** Whatever the last token begins, with all its texts. */
function readValue(json: Json): bool {
  const outside = json.depth;
  if (json.token == JsonToken.String) return showText(json);
  if (json.token != JsonToken.ObjectBegin && json.token != JsonToken.ArrayBegin)
    return json.token == JsonToken.Wrong ? wrong(json.fault) : true;
  while (json.next() > JsonToken.End) {
    if (json.depth > depthMax) return wrong('deeper than depthMax');
    if (json.depth < outside) return true;
    if ((json.token == JsonToken.String || json.token == JsonToken.Key) && !showText(json)) return false;
  }
  return wrong(json.fault);
}

function showText(json: Json): bool {
  if (!json.hasEscapes) return onText(json.at, json.length);
  const mark = arenaMark();
  json.decode();
  const goesOn = onText(json.at, json.length);
  // What was found is shown in the verdict, so its bytes stay.
  if (goesOn) arenaRelease(mark);
  return goesOn;
}

/** One of the three names, 0 for another, -1 for one that only some take for one of them. */
function nameOf(json: Json): i32 {
  const exact = json.is('method') ? whatMethod : json.is('params') ? whatParams : json.is('name') ? whatName : 0;
  if (exact != 0 || json.length < 4) return exact;
  const mark = arenaMark();
  const at = json.at;
  const length = json.length;
  const hadEscapes = json.hasEscapes;
  json.decode();
  const plain = arenaTake(json.length);
  const size = writePlainText(json.at, json.length, plain);
  const isLike = equals(plain, size, 'method') || equals(plain, size, 'params') || equals(plain, size, 'name');
  arenaRelease(mark);
  json.at = at;
  json.length = length;
  json.hasEscapes = hadEscapes;
  return isLike ? -1 : 0;
}

function wrong(why: string): bool {
  malformed = why;
  return false;
}

function neverText(_at: usize, _length: i32): bool {
  return false;
}

function neverMessage(_methodAt: usize, _methodLength: i32, _toolAt: usize, _toolLength: i32): bool {
  return false;
}
