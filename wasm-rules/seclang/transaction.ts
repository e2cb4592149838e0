/**
 * What one request has come to so far, beside its values and TX variables: which rules are out, what a match is
 * called, what the body's parser said.
 */
import { arenaTake } from '../engine/arena';
import { EngineMode, Header, headerWord } from './layout';

/** How a call ends for the request. */
export namespace Stop {
  export const none: i32 = 0;
  export const deny: i32 = 1;
  export const drop: i32 = 2;
  export const redirect: i32 = 3;
}

/** On, off, or only noting. */
export let engineMode: u32 = 0;
export let removed: usize = 0;
export let hasRemoved: bool = false;
export let bodyProcessor: u32 = 0;
export let forcesRequestBody: bool = false;
export let requestBodyAccess: bool = false;
export let responseBodyAccess: bool = false;
export let highestSeverity: u32 = 255;
export let reqbodyFlags: u32 = 0;
export let reqbodyErrorAt: usize = 0;
export let reqbodyErrorLength: i32 = 0;

/** The match that was made last. */
export let matchedAt: usize = 0;
export let matchedLength: i32 = 0;
export let matchedNameAt: usize = 0;
export let matchedNameLength: i32 = 0;

/** What the request has come to; the first decision stays. */
export let stop: i32 = 0;
/** A rule has just decided: nothing more of its phase is looked at. */
export let isHalted: bool = false;
export let stopRule: i32 = -1;
export let stopStatus: u32 = 0;
/** What would have been decided, where rules only note. */
export let notedStop: i32 = 0;
export let notedRule: i32 = -1;
export let notedStatus: u32 = 0;
export let locationAt: usize = 0;
export let locationLength: i32 = 0;
/** `allow`: no further rules of this phase, of the request's phases, of any phase but the last. */
export let allowed: u32 = 0;

/** The rule that is looked at only notes what it finds. */
export let isMonitored: bool = false;

/** Targets taken out of rules for this request: next, bit set, target. */
export let removedTargets: usize = 0;

export function resetTransaction(mode: u32, hasRequestBody: bool, hasResponseBody: bool): void {
  engineMode = mode;
  const bytes = <usize>headerWord(Header.ruleWords) << 3;
  removed = arenaTake(bytes);
  memory.fill(removed, 0, bytes);
  hasRemoved = false;
  bodyProcessor = 0;
  forcesRequestBody = false;
  requestBodyAccess = hasRequestBody;
  responseBodyAccess = hasResponseBody;
  highestSeverity = 255;
  reqbodyFlags = 0;
  reqbodyErrorAt = 0;
  reqbodyErrorLength = 0;
  matchedAt = 0;
  matchedLength = 0;
  matchedNameAt = 0;
  matchedNameLength = 0;
  stop = Stop.none;
  isHalted = false;
  stopRule = -1;
  stopStatus = 0;
  notedStop = Stop.none;
  notedRule = -1;
  notedStatus = 0;
  locationAt = 0;
  locationLength = 0;
  allowed = 0;
  isMonitored = false;
  removedTargets = 0;
}

export function setEngineMode(mode: u32): void {
  engineMode = mode;
}

export function enforces(): bool {
  return engineMode == EngineMode.on;
}

export function removeRules(bits: usize): void {
  const count = <usize>headerWord(Header.ruleWords);
  for (let i: usize = 0; i < count; i++)
    store<u64>(removed + (i << 3), load<u64>(removed + (i << 3)) | load<u64>(bits + (i << 3)));
  hasRemoved = true;
}

export function removeTarget(bits: usize, target: usize): void {
  const entry = arenaTake(16);
  store<usize>(entry, removedTargets);
  store<usize>(entry, bits, 4);
  store<usize>(entry, target, 8);
  removedTargets = entry;
}

export function setBodyProcessor(value: u32): void {
  bodyProcessor = value;
}

export function setForcesRequestBody(value: bool): void {
  forcesRequestBody = value;
}

export function setRequestBodyAccess(value: bool): void {
  requestBodyAccess = value;
}

export function setResponseBodyAccess(value: bool): void {
  responseBodyAccess = value;
}

export function noteSeverity(value: u32): void {
  if (value < highestSeverity) highestSeverity = value;
}

export function setReqbody(flags: u32, errorAt: usize, errorLength: i32): void {
  reqbodyFlags = flags;
  reqbodyErrorAt = errorAt;
  reqbodyErrorLength = errorLength;
}

export function setMatched(at: usize, length: i32, name: usize, nameLength: i32): void {
  matchedAt = at;
  matchedLength = length;
  matchedNameAt = name;
  matchedNameLength = nameLength;
}

export function decide(what: i32, rule: i32, status: u32): void {
  if (stop != Stop.none) return;
  stop = what;
  isHalted = true;
  stopRule = rule;
  stopStatus = status;
}

/** Phase 5 comes after every decision. */
export function endHalt(): void {
  isHalted = false;
}

export function noteDecision(what: i32, rule: i32, status: u32): void {
  if (notedStop != Stop.none) return;
  notedStop = what;
  notedRule = rule;
  notedStatus = status;
}

export function setLocation(at: usize, length: i32): void {
  locationAt = at;
  locationLength = length;
}

export function setMonitored(value: bool): void {
  isMonitored = value;
}

export function setAllowed(value: u32): void {
  allowed = value;
}
