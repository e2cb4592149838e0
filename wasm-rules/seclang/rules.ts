/**
 * Rules in their order. A bit set says which have to be looked at: those that run whatever the values are, and those
 * that the scan found a value for. The first link of a chain decides whether the others are looked at at all.
 */
import { resetCaptures, settleCaptures } from './captures';
import { charge } from './fuel';
import {
  Disruption,
  EngineMode,
  Header,
  headerWord,
  imageAt,
  LinkFlag,
  LinkWord,
  RuleFlag,
  RuleWord,
  Source,
  word,
} from './layout';
import { evaluateDirect, evaluateListed } from './links';
import { expand, expandedAt, expandedLength } from './macros';
import { recordMatch } from './records';
import {
  allowed,
  decide,
  endHalt,
  enforces,
  engineMode,
  hasRemoved,
  isHalted,
  isMonitored,
  matchedAt,
  matchedLength,
  matchedNameAt,
  matchedNameLength,
  noteDecision,
  noteSeverity,
  removed,
  setAllowed,
  setLocation,
  setMatched,
  setMonitored,
  Stop,
} from './transaction';
import { keepTx, madeTotal, restoreTx } from './tx';
import { clearSource } from './values';

let lists: usize = 0;
let active: usize = 0;
let rules: usize = 0;
let links: usize = 0;
/** The rule that is looked at, and whether it has matched in full. */
let current: usize = 0;
/** Bits of the rules that only note what they find; 0: none do. */
let monitored: usize = 0;

export function resetRules(listsAt: usize, activeAt: usize, monitoredAt: usize): void {
  monitored = monitoredAt;
  lists = listsAt;
  active = activeAt;
  rules = imageAt(headerWord(Header.rules));
  links = imageAt(headerWord(Header.links));
}

/** 1 to 5. Ends early where a rule has decided. */
export function runPhase(phase: i32): void {
  const first = <i32>headerWord(Header.phases + (phase - 1) * 2);
  const end = <i32>headerWord(Header.phases + (phase - 1) * 2 + 1);
  if (phase == 5) endHalt();
  if (first == end || engineMode == EngineMode.off || skipsPhase(phase)) return;
  for (let index = nextActive(first, end); index < end; ) {
    const rule = rules + <usize>index * (RuleWord.size << 2);
    let next = index + 1;
    charge(4);
    if (runRule(rule, index)) {
      const leap = <i32>word(rule, RuleWord.leap);
      if (leap != 0) next = leap - 1;
      if (isHalted || skipsPhase(phase)) break;
    }
    if (engineMode == EngineMode.off) break;
    index = nextActive(next, end);
  }
  if (allowed == Disruption.allowPhase) setAllowed(0);
}

function skipsPhase(phase: i32): bool {
  if (allowed == 0 || phase == 5) return false;
  return allowed != Disruption.allowRequest || phase <= 2;
}

function nextActive(from: i32, end: i32): i32 {
  let word64 = from >> 6;
  if (from >= end) return end;
  let bits = wordOf(word64) & (<u64>-1 << (from & 63));
  while (bits == 0) {
    word64++;
    if (word64 << 6 >= end) return end;
    bits = wordOf(word64);
  }
  return min((word64 << 6) + <i32>ctz(bits), end);
}

@inline
function wordOf(index: i32): u64 {
  const at = <usize>index << 3;
  const bits = load<u64>(active + at);
  return hasRemoved ? bits & ~load<u64>(removed + at) : bits;
}

/** Whether it matched in full; false for one that only notes it. */
function runRule(rule: usize, index: i32): bool {
  current = rule;
  if (monitored == 0) return matchRule(rule, index);
  const bits = load<u64>(monitored + (<usize>(index >> 6) << 3));
  if (((bits >> <u64>(index & 63)) & 1) == 0) return matchRule(rule, index);
  noteRule(rule, index);
  return false;
}

/** Links of a chain look at what those before them set; behind the rule everything is as it was. */
function noteRule(rule: usize, index: i32): void {
  settleCaptures();
  const made = madeTotal();
  const kept = keepTx();
  const at = matchedAt;
  const length = matchedLength;
  const name = matchedNameAt;
  const nameBytes = matchedNameLength;
  setMonitored(true);
  matchRule(rule, index);
  setMonitored(false);
  setMatched(at, length, name, nameBytes);
  clearSource(Source.matchedVars);
  resetCaptures();
  restoreTx(kept, made);
}

export function firstLink(index: u32): usize {
  return firstOfRule(rules + <usize>index * (RuleWord.size << 2));
}

@inline
function firstOfRule(rule: usize): usize {
  return links + <usize>word(rule, RuleWord.firstLink) * (LinkWord.size << 2);
}

function matchRule(rule: usize, index: i32): bool {
  const count = <i32>word(rule, RuleWord.linkCount);
  let link = firstOfRule(rule);
  const isScanned = (word(link, LinkWord.flags) & LinkFlag.scanned) != 0;
  let matches = isScanned
    ? evaluateListed(link, index, count == 1, load<usize>(lists + (<usize>index << 2)))
    : evaluateDirect(link, index, 0, count == 1);
  for (let i = 1; i < count && matches != 0; i++) {
    link += LinkWord.size << 2;
    matches = evaluateDirect(link, index, i, i == count - 1);
  }
  return matches != 0;
}

/** The last link has matched a value: what the rule as a whole does, once for each. */
export function onFullMatch(index: i32, link: i32): void {
  const rule = current;
  if (isMonitored) {
    note(rule, index, link);
    return;
  }
  const severity = word(rule, RuleWord.severity);
  if (severity < 8) noteSeverity(severity);
  const what = word(rule, RuleWord.disruption);
  const decides = what == Disruption.deny || what == Disruption.drop || what == Disruption.redirect;
  if (decides) {
    if (what == Disruption.redirect) {
      expand(word(rule, RuleWord.location));
      setLocation(expandedAt, expandedLength);
    }
    const how = what == Disruption.deny ? Stop.deny : what == Disruption.drop ? Stop.drop : Stop.redirect;
    if (enforces()) decide(how, index, word(rule, RuleWord.status));
    else noteDecision(how, index, word(rule, RuleWord.status));
  } else if (<i32>what >= Disruption.allowAll && enforces()) setAllowed(what);
  if ((word(rule, RuleWord.flags) & (RuleFlag.logged | RuleFlag.audited)) != 0 || decides)
    recordMatch(rule, index, link, decides && enforces());
}

/** What the rule would have done: nothing is decided, and what would have been is the host's to log. */
function note(rule: usize, index: i32, link: i32): void {
  const what = word(rule, RuleWord.disruption);
  const decides = what == Disruption.deny || what == Disruption.drop || what == Disruption.redirect;
  if (decides) {
    const how = what == Disruption.drop ? Stop.drop : Stop.deny;
    noteDecision(how, index, word(rule, RuleWord.status));
  }
  if ((word(rule, RuleWord.flags) & (RuleFlag.logged | RuleFlag.audited)) != 0 || decides)
    recordMatch(rule, index, link, false);
}
