/**
 * The generic evaluator of SecLang: it knows no rule. A rule image (`layout.ts`) lies in its memory as a data segment,
 * and a call runs the phases that the host names over one request.
 *
 * ```
 * memory: statics │ rule image │ lists, bits, TX cells │ frame and views (host) │ lazy states │ known values │ arena ►
 * call:   state back ─► head ─► feeds ─► phase 1 ─► body ─► feeds ─► phase 2 ─► (decided: 5) ─► answer, state out
 * ```
 *
 * Nothing of a request stays between calls. Whatever a request decides the length of is charged to a budget, so each
 * call ends; a trap is a failure of the call, which the host answers with the module's policy.
 */
import { arenaOver, arenaReset } from '../engine/arena';
import { resetFailure } from '../engine/body/failure';
import { startArguments } from '../engine/body/arguments';
import { setUnicodeMap } from '../engine/transform/url';
import { lazyCacheOver } from '../engine/match/lazy';
import { resetFlags, setSink } from '../engine/sink';
import { chooseProcessor, noteArguments, readRequestBody } from './body';
import { resetCaptures } from './captures';
import { feedValue, prepareFeeds, prepareTrie, resetFeeds } from './feeds';
import { FrameFlag, FrameWord, frameWord, openFrame, Run } from './frame';
import { isOutOfFuel, refuel } from './fuel';
import { knownAreaBytes, knownOver, notedTotal } from './known';
import { longAreaBytes, longOver, notedLongTotal } from './long-values';
import {
  ClassWord,
  EngineMode,
  follow,
  Header,
  headerWord,
  imageAt,
  imageVersion,
  openImage,
  Part,
  Need,
  SettingWord,
  Single,
  Source,
  word,
} from './layout';
import { finishAnswer, resetRecords } from './records';
import { readRequestHead, readResponseHead } from './request';
import { resetRules, runPhase } from './rules';
import { loadState, openState, saveState, stateAt, stateLength } from './state';
import { forgetStrings, resetStrings, seedStrings } from './strings';
import { removeRules, resetTransaction, responseBodyAccess, stop, Stop } from './transaction';
import { cellsBytes, openTx, pinTx, resetTx } from './tx';
import { addValue, firstOf, nextOf, resetValues } from './values';

/** States of patterns that are made while they run; emptied when it is full. */
const lazyCacheBytes: usize = 4 << 20;

let lists: usize = 0;
let active: usize = 0;
let frame: usize = 0;
let settings: usize = 0;
/** The last value of each source that has gone to the rules. */
const fed: usize = memory.data(96 * 4, 16);

export function weir_seclang(): u32 {
  return imageVersion;
}

/** Where the host writes frames and views, `inputBytes` of room; 0: the image is none of this version. */
export function open(image: usize, inputBytes: usize, memoryEnd: usize, seed: u64): usize {
  if (!openImage(image)) return 0;
  const imageEnd = aligned(image + headerWord(Header.bytes));
  openState(imageEnd);
  seedStrings(seed);
  settings = imageAt(headerWord(Header.settings));
  lists = imageEnd;
  active = aligned(lists + (<usize>headerWord(Header.ruleCount) << 2));
  const cells = aligned(active + (<usize>headerWord(Header.ruleWords) << 3));
  openTx(cells);
  frame = aligned(cells + cellsBytes());
  openFrame(frame);
  const lazyCache = aligned(frame + inputBytes);
  const known = lazyCache + lazyCacheBytes;
  const longValues = known + knownAreaBytes();
  const arena = longValues + longAreaBytes();
  if (arena >= memoryEnd) return 0;
  lazyCacheOver(lazyCache, lazyCacheBytes);
  knownOver(known);
  longOver(longValues);
  arenaOver(arena, memoryEnd);
  setSink((collection, nameAt, nameLength, valueAt, valueLength) => {
    addValue(collection, nameAt, nameLength, valueAt, valueLength);
  });
  const unicodeMap = word(settings, SettingWord.unicodeMap);
  setUnicodeMap(unicodeMap == 0 ? 0 : imageAt(unicodeMap));
  prepareFeeds();
  prepareTries(headerWord(Header.feeds));
  prepareTries(headerWord(Header.responseFeeds));
  return frame;
}

function prepareTries(feeds: u32): void {
  const table = imageAt(feeds);
  for (let i = 0; i < Source.count * 2; i++) {
    if (word(table, i) == 0) continue;
    const classes = follow(table, i);
    const trie = word(classes, ClassWord.defaultTrie);
    if (trie != 0) prepareTrie(imageAt(trie));
    const count = word(classes, ClassWord.count);
    for (let name: u32 = 0; name < count; name++) {
      const own = word(classes, ClassWord.entries + (name << 1) + 1);
      if (own != 0) prepareTrie(imageAt(own));
    }
  }
}

/** Runs what the frame says. The address of the answer. */
export function run(fuel: i64): usize {
  refuel(fuel);
  forgetStrings();
  arenaReset();
  resetValues();
  resetTx();
  resetCaptures();
  resetRecords();
  resetFlags();
  resetFailure();
  startArguments(<i32>word(settings, SettingWord.argumentsMax));
  memory.fill(lists, 0, <usize>headerWord(Header.ruleCount) << 2);
  memory.copy(active, imageAt(headerWord(Header.alwaysRules)), <usize>headerWord(Header.ruleWords) << 3);
  memory.fill(fed, 0, <usize>Source.count << 2);
  resetRules(lists, active, frameWord(FrameWord.monitored));
  resetTransaction(modeOfCall(), setting(SettingWord.requestBodyAccess), setting(SettingWord.responseBodyAccess));
  const phases = frameWord(FrameWord.run);
  const isRequest = (phases & Run.request) != 0;
  const scans = Header.scans + (isRequest ? 0 : 3);
  resetStrings(headerWord(scans) == 0 ? 0 : imageAt(headerWord(scans)), <i32>headerWord(scans + 1));
  resetFeeds(lists, active, imageAt(headerWord(scans + 2)), <i32>headerWord(scans + 1));
  const state = frameWord(FrameWord.state);
  if (state != 0) loadState(state);
  const off = frameWord(FrameWord.off);
  if (off != 0) removeRules(off);
  pinTx(
    headerWord(Header.inboundSlot),
    frameWord(FrameWord.inboundThreshold),
    headerWord(Header.outboundSlot),
    frameWord(FrameWord.outboundThreshold),
  );
  const head = frameWord(FrameWord.requestHead);
  if (head != 0) readRequestHead(head, settings);
  if (isRequest) runRequest();
  else runResponse(phases);
  if ((phases & Run.logging) != 0 || stop != Stop.none) runPhase(5);
  else saveState();
  // A pattern that ran out last has found nothing and proved nothing.
  if (isOutOfFuel()) unreachable();
  return finishAnswer(stateAt, (phases & Run.logging) != 0 || stop != Stop.none ? 0 : stateLength);
}

/** Whether the call that trapped had used up its budget. */
export function ranOut(): bool {
  return isOutOfFuel();
}

/** Whether phases 3 to 5 have to be shown the request's head. */
export function wantsHead(): bool {
  return (headerWord(Header.needs) & Need.head) != 0;
}

/** Whether any rule asks for it. */
export function wantsTime(): bool {
  return (headerWord(Header.needs) & Need.time) != 0;
}

/** Values that had to be looked at, as no request before had them. */
export function valuesNoted(): f64 {
  return notedTotal() + notedLongTotal();
}

function runRequest(): void {
  const feeds = imageAt(headerWord(Header.feeds));
  noteArguments();
  chooseProcessor();
  feedAll(feeds);
  runPhase(1);
  if (stop != Stop.none) return;
  readRequestBody(settings);
  feedAll(feeds);
  runPhase(2);
}

function runResponse(phases: u32): void {
  const view = frameWord(FrameWord.responseHead);
  if (view != 0) readResponseHead(view);
  const body = frameWord(FrameWord.responseBodyBytes);
  if ((phases & Run.responseBody) != 0 && body != 0 && responseBodyAccess)
    addValue(Single.responseBody, 0, 0, frameWord(FrameWord.responseBody), body);
  feedAll(imageAt(headerWord(Header.responseFeeds)));
  if ((phases & Run.responseHead) != 0) runPhase(3);
  if (stop == Stop.none && (phases & Run.responseBody) != 0) runPhase(4);
}

/** Values that have come since the last time go to the rules that look at them. */
function feedAll(feeds: usize): void {
  for (let source = 0; source < Source.count; source++) {
    const values = word(feeds, source << 1);
    const names = word(feeds, (source << 1) + 1);
    if ((values | names) == 0) continue;
    const slot = fed + (<usize>source << 2);
    let last = load<usize>(slot);
    for (let value = last == 0 ? firstOf(source) : nextOf(last); value != 0; value = nextOf(value)) {
      if (values != 0) feedValue(value, Part.value, imageAt(values));
      if (names != 0) feedValue(value, Part.name, imageAt(names));
      last = value;
    }
    store<usize>(slot, last);
  }
}

function modeOfCall(): u32 {
  const mode = word(settings, SettingWord.engineMode);
  const enforces = (frameWord(FrameWord.flags) & FrameFlag.enforces) != 0;
  return mode == EngineMode.on && !enforces ? EngineMode.detectionOnly : mode;
}

function setting(index: i32): bool {
  return word(settings, index) != 0;
}

@inline
function aligned(at: usize): usize {
  return (at + 63) & ~63;
}

/** Where the image may begin. */
export function imageBase(): usize {
  return (__heap_base + 65535) & ~65535;
}
