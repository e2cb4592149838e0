/**
 * What a call answers: the decision, the matches to log, and what the next phase has to know. Words, at an address;
 * the host's side is `src/wasm/seclang/call-answer.ts`.
 */
import { arenaTake } from '../engine/arena';
import { fuelUsed } from './fuel';
import { imageAt, RuleFlag, RuleWord, word } from './layout';
import { expand, expandedAt, expandedLength } from './macros';
import {
  isMonitored,
  locationAt,
  locationLength,
  matchedAt,
  matchedLength,
  matchedNameAt,
  matchedNameLength,
  notedRule,
  notedStatus,
  notedStop,
  stop,
  stopRule,
  stopStatus,
} from './transaction';

export namespace AnswerWord {
  export const stop: i32 = 0;
  export const rule: i32 = 1;
  export const status: i32 = 2;
  export const location: i32 = 3;
  export const locationBytes: i32 = 4;
  export const matches: i32 = 5;
  export const matchCount: i32 = 6;
  export const state: i32 = 7;
  export const stateBytes: i32 = 8;
  export const fuelLow: i32 = 9;
  export const fuelHigh: i32 = 10;
  /** Of the matches that there was no room for. */
  export const unlisted: i32 = 11;
  /** What would have been decided, where nothing is enforced. */
  export const notedStop: i32 = 12;
  export const notedRule: i32 = 13;
  export const notedStatus: i32 = 14;
  export const size: i32 = 15;
}

export namespace MatchWord {
  export const next: i32 = 0;
  export const rule: i32 = 1;
  export const link: i32 = 2;
  /** Bits of `MatchFlag`. */
  export const flags: i32 = 3;
  export const name: i32 = 4;
  export const nameBytes: i32 = 5;
  export const value: i32 = 6;
  export const valueBytes: i32 = 7;
  export const message: i32 = 8;
  export const messageBytes: i32 = 9;
  export const data: i32 = 10;
  export const dataBytes: i32 = 11;
  /** Pairs of address and length: only tags with references in them. */
  export const tags: i32 = 12;
  export const tagCount: i32 = 13;
  export const size: i32 = 14;
}

export namespace MatchFlag {
  /** The request was stopped by it. */
  export const stopped: u32 = 1;
  /** Also what a rule without a log would have said. */
  export const logged: u32 = 2;
  /** Nothing came of it. */
  export const monitored: u32 = 4;
}

/** Of one call; what is beyond is counted. */
const matchesMax: i32 = 256;

let first: usize = 0;
let last: usize = 0;
let matchCount: i32 = 0;
let unlisted: i32 = 0;
let answer: usize = 0;
const answerBytes: usize = 64;
const answerRoom: usize = memory.data(64, 16);

export function resetRecords(): void {
  first = 0;
  last = 0;
  matchCount = 0;
  unlisted = 0;
  answer = answerRoom;
  memory.fill(answer, 0, answerBytes);
}

/** `rule` and `link` are indexes; the match made last is what it is about. */
export function recordMatch(rule: usize, ruleIndex: i32, link: i32, hasStopped: bool): void {
  if (matchCount >= matchesMax) {
    unlisted++;
    return;
  }
  matchCount++;
  const record = arenaTake(MatchWord.size << 2);
  set(record, MatchWord.next, 0);
  set(record, MatchWord.rule, ruleIndex);
  set(record, MatchWord.link, link);
  const isLogged = (word(rule, RuleWord.flags) & RuleFlag.logged) != 0;
  const flags = (hasStopped ? MatchFlag.stopped : 0) | (isLogged ? MatchFlag.logged : 0);
  set(record, MatchWord.flags, flags | (isMonitored ? MatchFlag.monitored : 0));
  set(record, MatchWord.name, <u32>matchedNameAt);
  set(record, MatchWord.nameBytes, matchedNameLength);
  set(record, MatchWord.value, <u32>matchedAt);
  set(record, MatchWord.valueBytes, matchedLength);
  expand(word(rule, RuleWord.message));
  set(record, MatchWord.message, <u32>expandedAt);
  set(record, MatchWord.messageBytes, expandedLength);
  expand(word(rule, RuleWord.logData));
  set(record, MatchWord.data, <u32>expandedAt);
  set(record, MatchWord.dataBytes, expandedLength);
  recordTags(record, word(rule, RuleWord.tags));
  if (last == 0) first = record;
  else set(last, MatchWord.next, <u32>record);
  last = record;
}

function recordTags(record: usize, tags: u32): void {
  if (tags == 0) {
    set(record, MatchWord.tags, 0);
    set(record, MatchWord.tagCount, 0);
    return;
  }
  const list = imageAt(tags);
  const count = word(list, 0);
  const pairs = arenaTake(<usize>count << 3);
  for (let i: u32 = 0; i < count; i++) {
    expand(word(list, i + 1));
    store<usize>(pairs + (<usize>i << 3), expandedAt);
    store<i32>(pairs + (<usize>i << 3), expandedLength, 4);
  }
  set(record, MatchWord.tags, <u32>pairs);
  set(record, MatchWord.tagCount, count);
}

export function finishAnswer(state: usize, stateBytes: i32): usize {
  set(answer, AnswerWord.stop, stop);
  set(answer, AnswerWord.rule, stopRule);
  set(answer, AnswerWord.status, stopStatus);
  set(answer, AnswerWord.location, <u32>locationAt);
  set(answer, AnswerWord.locationBytes, locationLength);
  set(answer, AnswerWord.matches, <u32>first);
  set(answer, AnswerWord.matchCount, matchCount);
  set(answer, AnswerWord.state, <u32>state);
  set(answer, AnswerWord.stateBytes, stateBytes);
  const used = fuelUsed();
  set(answer, AnswerWord.fuelLow, <u32>used);
  set(answer, AnswerWord.fuelHigh, <u32>(used >> 32));
  set(answer, AnswerWord.unlisted, unlisted);
  set(answer, AnswerWord.notedStop, notedStop);
  set(answer, AnswerWord.notedRule, notedRule);
  set(answer, AnswerWord.notedStatus, notedStatus);
  return answer;
}

@inline
function set(record: usize, index: i32, value: u32): void {
  store<u32>(record + (<usize>index << 2), value);
}
