/** What a link looks at: which values its targets name, which are taken out, what a match is called. */
import { arenaTake } from '../engine/arena';
import { matchPattern } from '../engine/match/pattern';
import { charge } from './fuel';
import {
  follow,
  LinkWord,
  noSlot,
  SelectorKind,
  Source,
  TargetWord,
  textAt,
  textLength,
  word,
} from './layout';
import { equalsLower } from './text';
import { removedTargets } from './transaction';
import { mayHaveName, nameAt, nameBit, nameLength, sourceOf } from './values';

@inline
export function firstSource(target: usize): i32 {
  return <i32>(word(target, TargetWord.sources) & 255);
}

@inline
export function secondSource(target: usize): i32 {
  return <i32>((word(target, TargetWord.sources) >> 8) & 255);
}

@inline
export function partOf(target: usize): i32 {
  return <i32>((word(target, TargetWord.sources) >> 16) & 255);
}

@inline
export function isCount(target: usize): bool {
  return word(target, TargetWord.sources) >> 24 != 0;
}

/** Whether the target's selector takes a value of this name. */
export function selects(target: usize, name: usize, length: i32): bool {
  const kind = word(target, TargetWord.selector);
  if (kind == SelectorKind.all) return true;
  charge(1);
  if (kind == SelectorKind.name) {
    const text = follow(target, TargetWord.name);
    return textLength(text) == length && equalsLower(name, length, textAt(text));
  }
  charge(<u32>length);
  return matchPattern(follow(target, TargetWord.name), name, length) == 1;
}

/** False: no value of the source has the name that it asks for. */
@inline
export function mayBeIn(target: usize, source: i32): bool {
  if (word(target, TargetWord.selector) != SelectorKind.name) return true;
  const text = follow(target, TargetWord.name);
  return mayHaveName(source, nameBit(textAt(text), textLength(text)));
}

function covers(target: usize, source: i32, part: i32): bool {
  return partOf(target) == part && (firstSource(target) == source || secondSource(target) == source);
}

/** The place of the first target that takes the value, or -1. */
export function targetOf(link: usize, value: usize, part: i32): i32 {
  const source = sourceOf(value);
  const count = <i32>word(link, LinkWord.targetCount);
  let target = follow(link, LinkWord.targets);
  for (let i = 0; i < count; i++, target += TargetWord.size << 2)
    if (covers(target, source, part) && selects(target, nameAt(value), nameLength(value))) return i;
  return -1;
}

export function targetAt(link: usize, index: i32): usize {
  return follow(link, LinkWord.targets) + <usize>index * (TargetWord.size << 2);
}

/** Taken out by the rule itself (`!ARGS:x`), or for this request. */
export function isExcluded(link: usize, rule: i32, value: usize, part: i32): bool {
  const count = <i32>word(link, LinkWord.exclusionCount);
  const source = sourceOf(value);
  if (count != 0) {
    let target = follow(link, LinkWord.exclusions);
    for (let i = 0; i < count; i++, target += TargetWord.size << 2)
      if (excludes(target, source, part, value)) return true;
  }
  for (let entry = removedTargets; entry != 0; entry = load<usize>(entry)) {
    charge(1);
    const bits = load<usize>(entry, 4);
    if ((load<u64>(bits + (<usize>(rule >> 6) << 3)) & ((<u64>1) << (rule & 63))) == 0) continue;
    if (excludes(load<usize>(entry, 8), source, part, value)) return true;
  }
  return false;
}

function excludes(target: usize, source: i32, part: i32, value: usize): bool {
  if (!covers(target, source, part)) return false;
  const slot = word(target, TargetWord.slot);
  if (source == Source.tx && slot == noSlot && word(target, TargetWord.selector) == SelectorKind.all)
    return true;
  return selects(target, nameAt(value), nameLength(value));
}

/** `ARGS:name`. */
export let labelAt: usize = 0;
export let labelLength: i32 = 0;

export function makeLabel(target: usize, value: usize): void {
  const label = follow(target, TargetWord.label);
  const length = nameLength(value);
  labelAt = textAt(label);
  labelLength = textLength(label);
  if (length == 0) return;
  const at = arenaTake(labelLength + 1 + length);
  memory.copy(at, labelAt, labelLength);
  store<u8>(at + labelLength, 0x3a);
  memory.copy(at + labelLength + 1, nameAt(value), length);
  labelAt = at;
  labelLength += 1 + length;
}

