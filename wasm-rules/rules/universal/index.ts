/**
 * Rules without a program: conditions on the parts of a request and what follows, from JSON.
 *
 * ```
 * request ─► parts asked about ─► one scan each ─► conditions that hold ─► rules in their order
 *                                 (text-matcher, one regex set, networks)      └─ the first stop ends it
 * ```
 *
 * A rule is looked at only when one of its conditions has matched (or none can: all say `not`), so a
 * thousand rules cost what the scans cost and one bit a rule.
 */
import { readAddress } from '../../sdk/address';
import { arenaMark, arenaRelease, arenaReset, arenaTake } from '../../sdk/arena';
import { Body } from '../../sdk/body';
import { equalsIgnoreCase } from '../../sdk/bytes';
import { Cookies } from '../../sdk/cookie';
import { Config } from '../../sdk/config';
import { log, logInfo, matchRegexes, regexIndex } from '../../sdk/host';
import * as percent from '../../sdk/percent';
import { Parameters } from '../../sdk/query';
import { Request } from '../../sdk/request';
import { findByte } from '../../sdk/scan';
import { block, challenge, limit, score, setHeader, tag, verdict } from '../../sdk/verdict';
import { equals } from '../../sdk/matcher';
import { Group, groups, hasPart, Part } from './fields';
import { argumentsMax, conditions, Deed, hasBodyRules, readRules, Rule, rules } from './rules';

export { weir_abi, weir_reserve } from '../../sdk/module';

/** A byte a condition: it holds. A word each: where it matched, and how long that is. */
let truths: usize = 0;
let places: usize = 0;
let lengths: usize = 0;
/** A byte a rule: it is looked at. */
let marks: usize = 0;
let alwaysMarks: usize = 0;
let markBytes: i32 = 0;
/** Rules that only mark, log or count in one call: an answer has at most 64 records, and a stop is to fit. */
const marksMax: i32 = 56;
let marked: i32 = 0;

/** The answer, once a rule has ended the request. */
let stopped: usize = 0;
/** Of the last value: some condition holds that did not before. */
let isNew: bool = false;

export function weir_configure(at: usize, length: i32): i32 {
  readRules(new Config(at, length));
  const count = <usize>conditions.length;
  truths = heap.alloc(count + 1);
  places = heap.alloc(count * 4 + 4);
  lengths = heap.alloc(count * 4 + 4);
  // Read eight at a time.
  markBytes = (rules.length + 7) & ~7;
  marks = heap.alloc(markBytes + 8);
  alwaysMarks = heap.alloc(markBytes + 8);
  memory.fill(alwaysMarks, 0, markBytes);
  for (let i = 0; i < rules.length; i++) if (rules[i].isAlways) store<u8>(alwaysMarks + i, 1);
  return 0;
}

export function weir_request_head(view: usize): usize {
  if (rules.length == 0) return 0;
  begin();
  const request = changetype<Request>(view);
  if (inspectHead(request)) decide(request, false);
  return stopped != 0 ? stopped : verdict();
}

export function weir_request_body(view: usize): usize {
  if (!hasBodyRules) return 0;
  begin();
  const body = changetype<Body>(view);
  const request = body.request;
  if (!inspectHead(request)) return stopped;
  for (let i = 0; i < groups.length; i++)
    if (groups[i].part == Part.Body) inspect(groups[i], body.dataAt, body.dataLength);
  decide(request, true);
  return stopped != 0 ? stopped : verdict();
}

function begin(): void {
  arenaReset();
  stopped = 0;
  marked = 0;
  memory.fill(truths, 0, conditions.length);
  memory.copy(marks, alwaysMarks, markBytes);
}

/** False when there are too many arguments, which is said already. */
function inspectHead(request: Request): bool {
  for (let i = 0, count = groups.length; i < count; i++) {
    const group = unchecked(groups[i]);
    switch (group.part) {
      case Part.Path:
        inspectPath(group, request);
        break;
      case Part.Query:
        if (request.hasQuery) inspect(group, request.queryAt, request.queryLength);
        break;
      case Part.Method:
        inspect(group, request.methodAt, request.methodLength);
        break;
      case Part.Host:
        if (request.hasHost) inspect(group, request.hostAt, hostNameLength(request));
        break;
      case Part.Address:
        inspectAddress(group, request);
        break;
      case Part.Ja4:
        if (request.hasConnection)
          inspect(group, request.ja4At(request.connection), request.connection.ja4Length);
        break;
    }
  }
  if (hasPart[Part.Header]) inspectHeaders(request);
  if (hasPart[Part.Cookie]) inspectCookies(request);
  return !(hasPart[Part.Argument] || hasPart[Part.AnyArgument]) || inspectArguments(request);
}

/** As it came, and decoded once: a rule on `/admin` is not got around by `/%61dmin`. */
function inspectPath(group: Group, request: Request): void {
  const at = request.pathAt;
  const length = request.pathLength;
  inspect(group, at, length);
  if (findByte(at, at + length, 0x25) == at + length) return;
  percent.decode(at, length, false);
  inspect(group, percent.decodedAt, percent.decodedLength);
}

/** Without the port. */
function hostNameLength(request: Request): i32 {
  const at = request.hostAt;
  const end = at + request.hostLength;
  // An IPv6 address has colons of its own, between brackets.
  const start = request.hostLength > 0 && load<u8>(at) == 0x5b ? findByte(at, end, 0x5d) : at;
  return <i32>(findByte(start, end, 0x3a) - at);
}

function inspectAddress(group: Group, request: Request): void {
  inspect(group, request.clientAt, request.clientLength);
  if (group.networks.length == 0 || !readAddress(request.clientAt, request.clientLength)) return;
  for (let i = 0; i < group.networks.length; i++)
    if (group.networks[i].hasLast()) hold(group.networkIds[i], request.clientAt, request.clientLength);
}

function inspectHeaders(request: Request): void {
  for (let i = 0, count = request.headerCount; i < count; i++) {
    const header = request.header(i);
    for (let g = 0; g < groups.length; g++) {
      const group = unchecked(groups[g]);
      if (group.part != Part.Header || group.name.length != header.nameLength) continue;
      if (equalsIgnoreCase(request.nameAt(header), header.nameLength, group.name))
        inspect(group, request.valueAt(header), header.valueLength);
    }
  }
}

function inspectCookies(request: Request): void {
  const cookies = new Cookies(request);
  while (cookies.next()) {
    for (let g = 0; g < groups.length; g++) {
      const group = unchecked(groups[g]);
      if (group.part == Part.Cookie && equals(cookies.nameAt, cookies.nameLength, group.name))
        inspect(group, cookies.valueAt, cookies.valueLength);
    }
  }
}

function inspectArguments(request: Request): bool {
  if (!request.hasQuery) return true;
  const parameters = new Parameters(request.queryAt, request.queryLength);
  for (let count = 0; parameters.next(); count++) {
    if (count == argumentsMax) {
      stopped = block(400, 'universal/arguments', 'more arguments than argumentsMax', 'query', request.queryAt, 0);
      return false;
    }
    const mark = arenaMark();
    isNew = false;
    let isDecoded = false;
    for (let g = 0; g < groups.length; g++) {
      const group = unchecked(groups[g]);
      const isAsked =
        group.part == Part.AnyArgument ||
        (group.part == Part.Argument && parameters.is(group.name));
      if (!isAsked) continue;
      if (!isDecoded) parameters.decode();
      isDecoded = true;
      inspect(group, parameters.at, parameters.length);
    }
    // What matched is shown in the verdict, so its bytes stay.
    if (!isNew) arenaRelease(mark);
  }
  return true;
}

/** Every condition of the group against one value. */
function inspect(group: Group, at: usize, length: i32): void {
  group.matcher.run(at, length, hold);
  if (group.regexSet < 0) return;
  const mark = arenaMark();
  const found = matchRegexes(group.regexSet, at, length);
  for (let i = 0; i < found; i++) hold(group.patternIds[regexIndex(i)], at, length);
  arenaRelease(mark);
}

function hold(id: i32, at: usize, length: i32): void {
  if (load<u8>(truths + id) != 0) return;
  store<u8>(truths + id, 1);
  store<u32>(places + ((<usize>id) << 2), at);
  store<u32>(lengths + ((<usize>id) << 2), length);
  store<u8>(marks + unchecked(conditions[id]).rule, 1);
  isNew = true;
}

function decide(request: Request, isBody: bool): void {
  for (let word = 0; word < markBytes; word += 8) {
    let bits = load<u64>(marks + word);
    for (; bits != 0; bits &= bits - 1) {
      const rule = unchecked(rules[word + <i32>(ctz(bits) >> 3)]);
      if (rule.needsBody == isBody && holds(rule) && follow(rule, request)) return;
    }
  }
}

function holds(rule: Rule): bool {
  for (let id = rule.firstCondition; id < rule.lastCondition; id++)
    if ((load<u8>(truths + id) != 0) == unchecked(conditions[id]).isNot) return false;
  return true;
}

/** True when no later rule counts. */
function follow(rule: Rule, request: Request): bool {
  if (isMark(rule.deed) && marked++ >= marksMax) return false;
  let shown = rule.firstCondition;
  while (shown < rule.lastCondition - 1 && conditions[shown].isNot) shown++;
  const field = conditions[shown].field;
  const isShown = !conditions[shown].isNot;
  const at = isShown ? <usize>load<u32>(places + ((<usize>shown) << 2)) : truths;
  const length = isShown ? load<i32>(lengths + ((<usize>shown) << 2)) : 0;
  switch (rule.deed) {
    case Deed.Block:
      stopped = block(rule.status, rule.name, rule.reason, field, at, length);
      return true;
    case Deed.Challenge:
      stopped = challenge(rule.name, rule.reason, field, at, length);
      return true;
    case Deed.Limit:
      takeLimit(rule, request);
      return false;
    case Deed.Tag:
      tag(rule.tag);
      return false;
    case Deed.Score:
      score(rule.points, rule.name);
      return false;
    case Deed.Log:
      log(logInfo, rule.name + ': ' + rule.reason);
      return false;
    case Deed.SetHeader:
      setHeader(rule.header, rule.value, rule.ofResponse);
      return false;
  }
  return true;
}

function isMark(deed: Deed): bool {
  return deed != Deed.Block && deed != Deed.Challenge && deed != Deed.Allow;
}

/** One bucket a rule and client address. */
function takeLimit(rule: Rule, request: Request): void {
  const name = rule.name.length;
  const key = arenaTake(name + 1 + request.clientLength);
  for (let i = 0; i < name; i++) store<u8>(key + i, rule.name.charCodeAt(i));
  store<u8>(key + name, 0x20);
  memory.copy(key + name + 1, request.clientAt, request.clientLength);
  limit(rule.name, rule.reason, key, name + 1 + request.clientLength, 1, rule.requests, rule.seconds);
}
