/**
 * One link of a rule: its values in turn, each transformed and compared; what a match sets happens at once, as many
 * times as there are matches, which is what ModSecurity does and scores build on.
 */
import { budgetLeft, setBudget } from '../engine/budget';
import { runActions } from './actions';
import { settleCaptures } from './captures';
import { charge } from './fuel';
import { goesSomewhere, known, knownBytesMax, noteKnown, takeStep } from './known';
import { captureSlots, follow, LinkFlag, LinkWord, Part, Source, TargetWord, noSlot, word } from './layout';
import { failsCount, holds, isLasting, isSearch } from './operators';
import { onFullMatch } from './rules';
import { singleValue } from './singles';
import { candidatesOf, failedLink, isScanned, noteFailed, stringAt, stringLength, transformed } from './strings';
import {
  firstSource,
  isCount,
  isExcluded,
  labelAt,
  labelLength,
  makeLabel,
  mayBeIn,
  partOf,
  secondSource,
  selects,
  targetAt,
  targetOf,
} from './targets';
import { formatNumber, numberAt, numberLength } from './text';
import { isHalted, setMatched } from './transaction';
import {
  cellAt,
  cellLength,
  cellOf,
  firstMade,
  madeCell,
  madeNameAt,
  madeNameLength,
  nextMade,
  readCell,
  slotName,
  slotTotal,
} from './tx';
import {
  addValue,
  clearSource,
  firstOf,
  lastOf,
  looseValue,
  nameAt,
  nameLength,
  nextOf,
  stringOf,
} from './values';

let link: usize = 0;
let rule: i32 = 0;
let linkNumber: i32 = 0;
let isLast: bool = false;
let matches: i32 = 0;

/** `number` is the link's place in its chain. */
function begin(linkRecord: usize, ruleIndex: i32, number: i32, last: bool): void {
  link = linkRecord;
  rule = ruleIndex;
  linkNumber = number;
  isLast = last;
  matches = 0;
  // MATCHED_VARS are those of the chain.
  if (number == 0 && firstOf(Source.matchedVars) != 0) clearSource(Source.matchedVars);
}

/** Over all values its targets name; how many matched. */
export function evaluateDirect(linkRecord: usize, ruleIndex: i32, number: i32, last: bool): i32 {
  begin(linkRecord, ruleIndex, number, last);
  const count = <i32>word(link, LinkWord.targetCount);
  if (count == 0) {
    // SecAction: there is nothing to look at, and it always matches.
    onMatch(0, 0, 0, 0);
    return matches;
  }
  for (let i = 0; i < count && !isHalted; i++) {
    const target = targetAt(link, i);
    if (isCount(target)) {
      const total = countIn(target, firstSource(target)) + countIn(target, secondSource(target));
      // Mostly there is nothing to make a value of.
      if (failsCount(link, total)) continue;
      formatNumber(total);
      judge(target, looseValue(firstSource(target), 0, 0, numberAt, numberLength), Part.value);
      continue;
    }
    visit(target, firstSource(target));
    visit(target, secondSource(target));
  }
  return matches;
}

/** By target the first of its values; those of the last one stand in no order. */
const heads: usize = memory.data(64 * 4, 16);
const lastHead: i32 = 63;

/** Over the values that the scan listed for the rule, which is then compared in full. */
export function evaluateListed(linkRecord: usize, ruleIndex: i32, last: bool, list: usize): i32 {
  begin(linkRecord, ruleIndex, 0, last);
  sortByTarget(list);
  const end = min(<i32>word(link, LinkWord.targetCount), lastHead + 1);
  for (let index = 0; index < end; index++)
    for (let entry = load<usize>(heads + (<usize>index << 2)); entry != 0; entry = load<usize>(entry, 24)) {
      if (isHalted) return matches;
      charge(2);
      const value = load<usize>(entry, 4);
      const part = load<i32>(entry, 12);
      const string = load<usize>(entry, 8);
      if (!holdsOnce(string) || isExcluded(link, rule, value, part)) continue;
      onMatch(targetAt(link, load<i32>(entry, 20)), value, part, string);
    }
  return matches;
}

/** ModSecurity goes by targets, and by values within one. Entries come backwards, so each goes in front. */
function sortByTarget(list: usize): void {
  memory.fill(heads, 0, 64 * 4);
  for (let entry = list; entry != 0; entry = load<usize>(entry)) {
    charge(2);
    const index = targetOf(link, load<usize>(entry, 4), load<i32>(entry, 12));
    if (index < 0) continue;
    store<i32>(entry, index, 20);
    const head = heads + (<usize>min(index, lastHead) << 2);
    store<usize>(entry, load<usize>(head), 24);
    store<usize>(head, entry);
  }
}

/** Many values are one string: what does not match once is not compared again. A match is, for its captures. */
function holdsOnce(string: usize): bool {
  if (failedLink(string) == link) return false;
  if (holds(link, string, stringAt(string), stringLength(string))) return true;
  noteFailed(string, link);
  return false;
}

/** Short strings that nobody has scanned are compared at once. */
const scannedFrom: i32 = 64;

function mayHold(string: usize, bit: i32): bool {
  if (!isScanned(string) && (stringLength(string) < scannedFrom || isSearch(link))) return true;
  const candidates = candidatesOf(string);
  return (
    candidates == 0 || (load<u64>(candidates + (<usize>(bit >> 6) << 3)) & ((<u64>1) << (bit & 63))) != 0
  );
}

function countIn(target: usize, source: i32): i64 {
  if (source == Source.none) return 0;
  if (source == Source.tx) return countTx(target);
  if (source >= Source.firstSingle) return singleValue(source) == 0 ? 0 : 1;
  if (!mayBeIn(target, source)) return 0;
  let total: i64 = 0;
  const part = partOf(target);
  for (let value = firstOf(source); value != 0; value = nextOf(value)) {
    charge(1);
    if (selects(target, nameAt(value), nameLength(value)) && !isExcluded(link, rule, value, part)) total++;
  }
  return total;
}

function visit(target: usize, source: i32): void {
  if (source == Source.none) return;
  if (source == Source.tx) {
    visitTx(target);
    return;
  }
  const part = partOf(target);
  if (source >= Source.firstSingle) {
    const value = singleValue(source);
    if (value != 0 && !isExcluded(link, rule, value, part)) judge(target, value, part);
    return;
  }
  if (!mayBeIn(target, source)) return;
  // A match adds to MATCHED_VARS, which may be what is looked at.
  const end = lastOf(source);
  for (let value = firstOf(source); value != 0 && !isHalted; value = nextOf(value)) {
    charge(2);
    if (selects(target, nameAt(value), nameLength(value)) && !isExcluded(link, rule, value, part))
      judge(target, value, part);
    if (value == end) break;
  }
}

function visitTx(target: usize): void {
  const slot = word(target, TargetWord.slot);
  if (slot != noSlot) {
    if (slot < captureSlots) settleCaptures();
    visitCell(target, cellOf(slot), slotName(slot) + 4, load<i32>(slotName(slot)));
    return;
  }
  const total = slotTotal();
  charge(total);
  const bits = slotBitsOf(target);
  // The slots of captures are the first.
  if (bits == 0 || (load<u16>(bits) & captureBits) != 0) settleCaptures();
  for (let i: u32 = 0; i < total && !isHalted; i++) {
    if (bits != 0 && ((<u32>load<u8>(bits + <usize>(i >> 3)) >> (i & 7)) & 1) == 0) continue;
    const name = slotName(i);
    visitCell(target, cellOf(i), name + 4, load<i32>(name));
  }
  for (let entry = firstMade(); entry != 0 && !isHalted; entry = nextMade(entry))
    visitCell(target, madeCell(entry), madeNameAt(entry), madeNameLength(entry));
}

/** Names of slots never change, so what an expression takes of them is asked once. 0: there is no room to keep it. */
function slotBitsOf(target: usize): usize {
  const known = <usize>word(target, TargetWord.slotBits);
  if (known != 0) return known;
  const bytes = ((<usize>slotTotal() + 63) >> 3) & ~7;
  if (slotBitsTaken + bytes > slotBitsBytes) return 0;
  const bits = slotBits + slotBitsTaken;
  slotBitsTaken += bytes;
  // No request's affair: it is done once for all.
  const left = budgetLeft();
  for (let i: u32 = 0; i < slotTotal(); i++) {
    const name = slotName(i);
    if (!selects(target, name + 4, load<i32>(name))) continue;
    const at = bits + <usize>(i >> 3);
    store<u8>(at, load<u8>(at) | <u8>((<u32>1) << (i & 7)));
  }
  setBudget(left);
  store<u32>(target, <u32>bits, TargetWord.slotBits << 2);
  return bits;
}

const captureBits: u32 = (1 << captureSlots) - 1;
const slotBitsBytes: usize = 4096;
const slotBits: usize = memory.data(4096, 16);
let slotBitsTaken: usize = 0;

function visitCell(target: usize, cell: usize, name: usize, length: i32): void {
  if (load<u32>(cell) == 0 || !selects(target, name, length)) return;
  readCell(cell);
  const value = looseValue(Source.tx, name, length, cellAt, cellLength);
  if (!isExcluded(link, rule, value, Part.value)) judge(target, value, Part.value);
}

function countTx(target: usize): i64 {
  const slot = word(target, TargetWord.slot);
  if (slot == noSlot || slot < captureSlots) settleCaptures();
  if (slot != noSlot) return load<u32>(cellOf(slot)) == 0 ? 0 : 1;
  let count: i64 = 0;
  const total = slotTotal();
  charge(total);
  for (let i: u32 = 0; i < total; i++) {
    const name = slotName(i);
    if (load<u32>(cellOf(i)) != 0 && selects(target, name + 4, load<i32>(name))) count++;
  }
  for (let entry = firstMade(); entry != 0; entry = nextMade(entry)) {
    charge(1);
    if (load<u32>(madeCell(entry)) != 0 && selects(target, madeNameAt(entry), madeNameLength(entry))) count++;
  }
  return count;
}

/** Before what a match does, which is done and charged each time. */
let budgetCompared: i64 = 0;

/** What came of a value is known from then on, where comparing takes longer than looking that up. */
function judge(target: usize, value: usize, part: i32): void {
  charge(4);
  const string = stringOf(value, part);
  if (!isLasting(link) || stringLength(string) > knownBytesMax) {
    compare(target, value, part, string);
    return;
  }
  const entry = known(link, string);
  if (entry != 0) {
    if (goesSomewhere(entry)) onMatch(target, value, part, string);
    return;
  }
  const before = budgetLeft();
  const own = link;
  const matchesBefore = matches;
  compare(target, value, part, string);
  if (matches == matchesBefore) noteKnown(own, string, 0, before, budgetLeft());
  else if (isPlain(own)) noteKnown(own, string, takeStep(0, 0, string), before, budgetCompared);
}

/** Looks at values as they come, and a match leaves no captures. */
function isPlain(own: usize): bool {
  if (word(own, LinkWord.transformationCount) != 0) return false;
  const flags = word(own, LinkWord.flags);
  return (flags & LinkFlag.negated) != 0 || (flags & LinkFlag.capturing) == 0;
}

/** With `multiMatch` the operator runs before the first transformation and after each that changed something. */
function compare(target: usize, value: usize, part: i32, given: usize): void {
  let string = given;
  const count = <i32>word(link, LinkWord.transformationCount);
  const steps = follow(link, LinkWord.transformations);
  const each = (word(link, LinkWord.flags) & LinkFlag.multiMatch) != 0;
  for (let i = 0; i < count; i++) {
    const next = transformed(string, load<u8>(steps + i));
    if (each && next != string) {
      test(target, value, part, string);
      if (isHalted) return;
    }
    string = next;
  }
  test(target, value, part, string);
}

function test(target: usize, value: usize, part: i32, string: usize): void {
  const bit = word(link, LinkWord.scanBit);
  if (bit != 0 && !mayHold(string, bit - 1)) {
    budgetCompared = budgetLeft();
    if ((word(link, LinkWord.flags) & LinkFlag.negated) != 0) onMatch(target, value, part, string);
    return;
  }
  const isMatch = holds(link, string, stringAt(string), stringLength(string));
  budgetCompared = budgetLeft();
  if (isMatch) onMatch(target, value, part, string);
}

/** `target` 0: a SecAction. */
function onMatch(target: usize, value: usize, part: i32, string: usize): void {
  matches++;
  if (target != 0) {
    makeLabel(target, value);
    setMatched(stringAt(string), stringLength(string), labelAt, labelLength);
    addValue(Source.matchedVars, labelAt, labelLength, stringAt(string), stringLength(string));
  }
  runActions(link);
  if (isLast) onFullMatch(rule, linkNumber);
}
