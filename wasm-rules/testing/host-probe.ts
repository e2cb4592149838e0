/**
 * Makes the host call that the path names, with the query as its text, and blocks with what came back as
 * `matched`: a text with 403, or 404 where there is none, a number with 500 and itself modulo 100. `/scratch` shows a buffer that only the host has ever written to.
 */
import { startsWithIgnoreCase } from '../sdk/bytes';
import {
  addToCounter,
  answerAt,
  answerLength,
  blockClient,
  compileRegexes,
  countBytes,
  defineCounter,
  defineGauge,
  deleteValueBytes,
  fetch,
  getValueBytes,
  logBytes,
  logInfo,
  lookup,
  matchRegexes,
  nowMonotonic,
  nowWall,
  property,
  regexIndex,
  scopeFleet,
  setGauge,
  setValueBytes,
  sha256,
} from '../sdk/host';
import { Request } from '../sdk/request';
import { block, limit } from '../sdk/verdict';

export { weir_abi, weir_reserve } from '../sdk/module';

@external('weir', 'kv_get')
declare function hostKvGet(scope: i32, key: usize, keyLength: i32, into: usize, max: i32): i32;

const scratch = memory.data(128);
const key = memory.data<u8>([0x6b]);
let counter: i32 = -1;
let gauge: i32 = -1;
let patterns: i32 = -1;
let wrongPatterns: i32 = 0;

export function weir_configure(_at: usize, _length: i32): i32 {
  counter = defineCounter('seen');
  gauge = defineGauge('level');
  patterns = compileRegexes('sel.ct\n(?i)union\n^[0-9]+$\n');
  wrongPatterns = compileRegexes('fine\n(');
  fetch('https://configure.example/keys', 'keys', 60000);
  return 0;
}

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  const at = request.pathAt;
  const length = request.pathLength;
  const text = request.queryAt;
  const textLength = request.hasQuery ? request.queryLength : 0;
  const scope = <i32>load<u8>(at + length - 1) - 0x30;

  if (startsWithIgnoreCase(at, length, '/keep/'))
    return number(setValueBytes(scope, key, 1, text, textLength, 60000) ? 0 : -1);
  if (startsWithIgnoreCase(at, length, '/kept/'))
    return answer(getValueBytes(scope, key, 1) ? answerAt : 0, answerLength);
  if (startsWithIgnoreCase(at, length, '/gone/'))
    return number(deleteValueBytes(scope, key, 1) ? 0 : -1);
  if (startsWithIgnoreCase(at, length, '/into-scratch/')) {
    return number(hostKvGet(scope, key, 1, scratch, 128));
  }
  if (startsWithIgnoreCase(at, length, '/scratch')) return answer(scratch, 128);
  if (startsWithIgnoreCase(at, length, '/count/'))
    return number(countBytes(scope, text, textLength, 1, 86400000));
  if (startsWithIgnoreCase(at, length, '/peek/'))
    return number(countBytes(scope, text, textLength, 0, 86400000));
  // What a limit over the fleet has let through: its count has the capacity before the key.
  if (startsWithIgnoreCase(at, length, '/fleet-limited')) {
    const name = memory.data(64);
    store<u32>(name, 0x00303300);
    memory.copy(name + 4, text, min(textLength, 60));
    return number(countBytes(scopeFleet, name, 4 + min(textLength, 60), 0, 86400000));
  }
  if (startsWithIgnoreCase(at, length, '/fleet-limit'))
    return limit('host-probe/limit', 'too often', text, textLength, 1, 30, 86400, scopeFleet);
  if (startsWithIgnoreCase(at, length, '/property'))
    return answer(property(String.UTF8.decodeUnsafe(text, textLength)) ? answerAt : 0, answerLength);
  if (startsWithIgnoreCase(at, length, '/regex')) {
    let bits: i64 = 0;
    const matched = matchRegexes(patterns, text, textLength);
    for (let i = 0; i < matched; i++) bits = bits * 10 + regexIndex(i) + 1;
    return number(bits);
  }
  if (startsWithIgnoreCase(at, length, '/wrong-regex')) return number(wrongPatterns);
  if (startsWithIgnoreCase(at, length, '/late-regex')) return number(compileRegexes('late'));
  if (startsWithIgnoreCase(at, length, '/digest')) {
    sha256(text, textLength);
    return answer(answerAt, answerLength);
  }
  if (startsWithIgnoreCase(at, length, '/clock'))
    return number(nowWall() > 1600000000000 && nowMonotonic() >= 0 ? 1 : 0);
  if (startsWithIgnoreCase(at, length, '/metric')) {
    addToCounter(counter, 3);
    setGauge(gauge, 2.5);
    return number(counter);
  }
  if (startsWithIgnoreCase(at, length, '/block')) return number(blockClient(60, 'probed') ? 0 : -1);
  if (startsWithIgnoreCase(at, length, '/lookup'))
    return answer(lookup('geo', 0, 0, 'country.iso_code') ? answerAt : 0, answerLength);
  if (startsWithIgnoreCase(at, length, '/fetch'))
    return number(fetch(String.UTF8.decodeUnsafe(text, textLength), 'k', 60000));
  if (startsWithIgnoreCase(at, length, '/log')) {
    logBytes(logInfo, text, textLength);
    return number(0);
  }
  if (startsWithIgnoreCase(at, length, '/limit'))
    return limit('host-probe/limit', 'too often', text, textLength, 1, 2, 60);
  if (startsWithIgnoreCase(at, length, '/outside')) return number(hostKvGet(1, 0xfffffff0, 64, 0, 0));
  if (startsWithIgnoreCase(at, length, '/thousand')) {
    for (let i = 0; i < 1001; i++) nowMonotonic();
  }
  return 0;
}

function answer(at: usize, length: i32): usize {
  if (at == 0) return block(404, 'host-probe/answer', 'absent', 'answer', 0, 0);
  return block(403, 'host-probe/answer', 'present', 'answer', at, length);
}

function number(value: i64): usize {
  const digits = String.UTF8.encode(value.toString());
  const status = 500 + <i32>(((value % 100) + 100) % 100);
  return block(status, 'host-probe/answer', 'number', 'answer', changetype<usize>(digits), digits.byteLength);
}
