/**
 * From values to the rules that have to look at them. Each value walks the trie of transformation chains that rules
 * want of it; each distinct string on the way has been scanned once, and what the scan could not rule out goes on the
 * list of its rules. Which rule then matches is decided when its turn comes.
 */
import { arenaTake } from '../engine/arena';
import { budgetLeft } from '../engine/budget';
import { canChange, opensWith } from '../engine/transform/can-change';
import { charge } from './fuel';
import { known, knownBytesMax, knownSteps, noteKnown, takeStep } from './known';
import { ChildWord, ClassWord, follow, imageAt, LinkWord, NodeWord, textAt, textLength, word } from './layout';
import { agrees } from './operators';
import { firstLink } from './rules';
import { equalsLower } from './text';
import {
  candidatesOf,
  failedLink,
  isScanned,
  kindsOf,
  mayHave,
  noteFailed,
  setWay,
  stringAt,
  stringLength,
  transformed,
  walkedTrie,
  wayOf,
} from './strings';
import { nameAt, nameLength, stringOf } from './values';

/** Per rule the last entry of its list; entries point backwards. */
let lists: usize = 0;
/** Bit set: rules whose turn has to come. */
let active: usize = 0;
let uses: usize = 0;
let maskWords: i32 = 0;
let currentValue: usize = 0;
let currentPart: i32 = 0;
/** What is short enough to be remembered is compared as it comes. */
let comparesAtOnce: bool = false;
/** What the walk under way has entered: next, rule, string. */
let way: usize = 0;
const anyChain: u32 = 0xffffffff;

// Entry: previous, value, string, part; the link's own: target, next.
const entryBytes: usize = 32;

/** By transformation the kinds of bytes that let it change something, alone or with others. */
const changers: usize = memory.data(64 * 8, 16);
const transformationCount: i32 = 37;

export function prepareFeeds(): void {
  for (let id = 0; id < transformationCount; id++) {
    let kinds: u64 = 0;
    for (let one = 0; one < 64; one++)
      for (let other = one; other < 64; other++) {
        const first = (<u64>1) << one;
        const second = (<u64>1) << other;
        // Whatever it can change has one of these: a kind that makes the difference, alone or beside another.
        if (!canChange(id, first | second)) continue;
        if (one == other || !canChange(id, second)) kinds |= first;
        if (one == other || !canChange(id, first)) kinds |= second;
      }
    store<u64>(changers + (<usize>id << 3), kinds);
  }
}

export function resetFeeds(listsAt: usize, activeAt: usize, usesAt: usize, words: i32): void {
  lists = listsAt;
  active = activeAt;
  uses = usesAt;
  maskWords = words;
}

export function feedValue(value: usize, part: i32, classes: usize): void {
  let trie = word(classes, ClassWord.defaultTrie);
  const length = nameLength(value);
  const count = word(classes, ClassWord.count);
  if (count != 0 && length != 0) {
    const name = nameAt(value);
    let entry = classes + (ClassWord.entries << 2);
    for (let i: u32 = 0; i < count; i++, entry += 8) {
      const text = follow(entry, 0);
      if (textLength(text) == length && equalsLower(name, length, textAt(text))) {
        trie = word(entry, 1);
        break;
      }
    }
  }
  if (trie == 0) return;
  currentValue = value;
  currentPart = part;
  const string = stringOf(value, part);
  const root = imageAt(trie);
  if (walkedTrie(string) == root) {
    // The same string by another name: it goes where it went.
    for (let step = wayOf(string); step != 0; step = load<usize>(step))
      enter(load<u32>(step, 4), load<usize>(step, 8));
    return;
  }
  way = 0;
  comparesAtOnce = stringLength(string) <= knownBytesMax;
  if (comparesAtOnce) walkOnce(root, string);
  else walkRoot(root, string);
  setWay(string, root, way);
}

function walkOnce(root: usize, string: usize): void {
  const entry = known(root, string);
  if (entry != 0) {
    way = knownSteps(entry, string);
    enterAll(way);
    return;
  }
  const before = budgetLeft();
  walkRoot(root, string);
  noteKnown(root, string, way, before, budgetLeft());
}

/** The first one is the last in the list. */
function enterAll(step: usize): void {
  if (step == 0) return;
  enterAll(load<usize>(step));
  enter(load<u32>(step, 4), load<usize>(step, 8));
}

/** Where nothing in the trie changes the string, what its chains are does not matter: mostly it is so. */
function walkRoot(root: usize, string: usize): void {
  const candidates = candidatesOf(string);
  if (!isFixed(root, string)) walk(root, string);
  else {
    const all = follow(root, NodeWord.subtreeMask);
    if (meets(candidates, all)) list(candidates, all, anyChain, string);
  }
}

function walk(node: usize, string: usize): void {
  const length = <u32>stringLength(string);
  let hits: u64 = ~0;
  if (isWorthScan(node, string)) {
    const candidates = candidatesOf(string);
    const all = follow(node, NodeWord.subtreeMask);
    // Most strings: nothing that any rule below looks for, and nothing that any transformation below changes.
    if (!meets(candidates, all) && isFixed(node, string)) return;
    const mask = word(node, NodeWord.mask);
    if (mask != 0) list(candidates, imageAt(mask), word(node, NodeWord.chain), string);
    hits = 0;
    for (let i = 0; i < maskWords; i++) hits |= load<u64>(candidates + (<usize>i << 3));
  }
  const count = word(node, NodeWord.childCount);
  if (count == 0) return;
  // One look at a line of the table each: most have nothing to look for and cannot change the string.
  const kinds = length == 0 ? ~0 : kindsOf(string);
  const table = follow(node, NodeWord.children);
  for (let i: u32 = 0; i < count; i++) {
    const child = table + ((<usize>i * ChildWord.size) << 2);
    if (((load<u64>(child) & kinds) | (load<u64>(child, ChildWord.folded << 2) & hits)) == 0) continue;
    if (length < word(child, ChildWord.bytesMin)) continue;
    if (!mayHave(kinds, load<u64>(child, ChildWord.need << 2))) continue;
    const at = follow(child, ChildWord.node);
    const made = transformed(string, <i32>word(at, NodeWord.transformation), load<u64>(at, NodeWord.need << 2));
    if (made != 0) walk(at, made);
  }
}

/** What is only on its way to another string is not scanned, nor what cannot match here; if its kinds are known. */
function isWorthScan(node: usize, string: usize): bool {
  if (isScanned(string)) return true;
  const kinds = kindsOf(string);
  return kinds == ~0 || mayHave(kinds, load<u64>(node, NodeWord.cover << 2));
}

@inline
function meets(candidates: usize, mask: usize): bool {
  let both: u64 = 0;
  for (let i = 0; i < maskWords; i++) both |= load<u64>(candidates + (<usize>i << 3)) & load<u64>(mask + (<usize>i << 3));
  return both != 0;
}

/** No transformation below the node can change it. */
function isFixed(node: usize, string: usize): bool {
  if (stringLength(string) == 0) return word(node, NodeWord.childCount) == 0;
  return (subtreeKinds(node) & kindsOf(string)) == 0;
}

function subtreeKinds(node: usize): u64 {
  return load<u64>(node + (NodeWord.kinds << 2));
}

/** Worked out once, when the image is opened: what can change anything below the node. */
export function prepareTrie(node: usize): u64 {
  let kinds: u64 = 0;
  let need = load<u64>(node, NodeWord.cover << 2);
  const count = word(node, NodeWord.childCount);
  for (let i: u32 = 0; i < count; i++) {
    const child = follow(node, NodeWord.children) + ((<usize>i * ChildWord.size) << 2);
    const at = follow(child, ChildWord.node);
    const transformation = word(at, NodeWord.transformation);
    const own = prepareTrie(at) | load<u64>(changers + (<usize>transformation << 3));
    store<u64>(child, own);
    kinds |= own;
    const childNeed = load<u64>(at, NodeWord.need << 2) | opensWith(transformation);
    store<u64>(child, childNeed, ChildWord.need << 2);
    need |= childNeed;
  }
  store<u64>(node, need, NodeWord.need << 2);
  store<u64>(node + (NodeWord.kinds << 2), kinds);
  return kinds;
}

function list(candidates: usize, mask: usize, chain: u32, string: usize): void {
  for (let i = 0; i < maskWords; i++) {
    let bits = load<u64>(candidates + (<usize>i << 3)) & load<u64>(mask + (<usize>i << 3));
    while (bits != 0) {
      const pattern = (i << 6) + <i32>ctz(bits);
      bits &= bits - 1;
      const users = follow(uses, pattern);
      const count = word(users, 0);
      charge(2 + count);
      for (let use: u32 = 0; use < count; use++) {
        const at = users + 4 + (<usize>use << 3);
        if (chain != anyChain && word(at, 1) != chain) continue;
        const rule = word(at, 0);
        if (comparesAtOnce && !mayMatch(rule, string)) continue;
        if (!enter(rule, string)) continue;
        way = takeStep(way, rule, string);
      }
    }
  }
}

/** False: the first link of the rule does not match it, nor ever will. */
function mayMatch(rule: u32, string: usize): bool {
  const link = firstLink(rule);
  if (word(link, LinkWord.argument) != 0) return true;
  if (failedLink(string) == link) return false;
  if (agrees(link, stringAt(string), stringLength(string))) return true;
  noteFailed(string, link);
  return false;
}

/** False where it is there already. */
function enter(rule: u32, string: usize): bool {
  const slot = lists + (<usize>rule << 2);
  const last = load<usize>(slot);
  // A step of multiMatch that changed nothing.
  if (
    last != 0 &&
    load<usize>(last, 4) == currentValue &&
    load<usize>(last, 8) == string &&
    load<i32>(last, 12) == currentPart
  )
    return false;
  const entry = arenaTake(entryBytes);
  store<usize>(entry, last);
  store<usize>(entry, currentValue, 4);
  store<usize>(entry, string, 8);
  store<i32>(entry, currentPart, 12);
  store<usize>(slot, entry);
  const bits = active + (<usize>(rule >> 6) << 3);
  store<u64>(bits, load<u64>(bits) | ((<u64>1) << (rule & 63)));
  return true;
}
