/**
 * A rule set made into a rule image: rules in the order the guest walks them, patterns compiled, and the plan
 * of what is scanned for what.
 */
import { describeError } from '#core/errors.ts';
import type { Link, Marker, Phase, Rule, RuleSet, Target } from '#waf/language/rule-set.ts';
import { thresholdNames } from '#waf/language/threshold-names.ts';
import { everyKind } from '#waf/match/byte-kinds.ts';
import { listedCopies } from './copied-names.ts';
import {
  disruption,
  header,
  imageMagic,
  imageVersion,
  linkWord,
  need,
  ruleFlag,
  ruleWord,
} from './image-layout.ts';
import { ImageWriter } from './image-writer.ts';
import { LinkWriter, PlanProblem, staticText } from './link-writer.ts';
import type { Matchers, ScanMember } from './matchers.ts';
import { operatorHint } from './operator-hints.ts';
import { RuleIndex } from './rule-index.ts';
import { firstResponsePhase, needsOf } from './rule-needs.ts';
import { ScanPlan, type ScanTarget } from './scan-plan.ts';
import { writeSettings } from './settings-writer.ts';
import { isScannable, noSourceAt, sourcesOf, xmlSources } from './sources.ts';
import { TransformationChains } from './transformation-chains.ts';
import { TxSlots } from './tx-slots.ts';

export type RefusedRule = { readonly rule: Rule; readonly reason: string };

export type BuiltImage = {
  readonly bytes: Uint8Array;
  /** In the order of the image: a match names its rule by index. */
  readonly rules: readonly Rule[];
  readonly refused: readonly RefusedRule[];
  readonly stats: ImageStats;
};

export type ImageStats = {
  readonly rules: number;
  readonly scannedRules: number;
  readonly patterns: number;
  readonly chains: number;
  readonly slots: number;
  readonly bytes: number;
};

/** Called before each rule, with how many there are. */
export type OnProgress = (done: number, all: number) => void;

const scanOf = (phase: Phase): 0 | 1 | null => (phase <= 2 ? 0 : phase <= 4 ? 1 : null);
/**
 * Where a body of many kilobytes is one value, links that look at it by themselves ask the scan first. A value of a
 * request is short, and more bits would make each scan of one dearer.
 */
const responseScan = 1;

export function buildImage(
  set: RuleSet,
  matchers: Matchers,
  onProgress: OnProgress = () => undefined,
): BuiltImage {
  const refused: RefusedRule[] = [];
  let rules = orderedRules(set);
  // What cannot be run is found by writing it; indexes depend on what is left, so once more without it.
  for (;;) {
    const attempt = writeImage(set, rules, matchers, onProgress);
    if (attempt.refused.length === 0) return { ...attempt.built, refused };
    refused.push(...attempt.refused);
    const out = new Set(attempt.refused.map(({ rule }) => rule));
    rules = rules.filter((rule) => !out.has(rule));
  }
}

/** By phase, and in load order within one. */
function orderedRules({ rules }: RuleSet): readonly Rule[] {
  const all = rules.filter((entry): entry is Rule => entry.kind === 'rule');
  return all.toSorted((a, b) => a.phase - b.phase);
}

type Attempt = {
  readonly built: Omit<BuiltImage, 'refused'>;
  readonly refused: readonly RefusedRule[];
};

function writeImage(
  set: RuleSet,
  rules: readonly Rule[],
  matchers: Matchers,
  onProgress: OnProgress,
): Attempt {
  const image = new ImageWriter(header.size);
  const slots = new TxSlots();
  const chains = new TransformationChains();
  chains.of([]);
  const index = new RuleIndex(rules);
  const links = new LinkWriter(image, matchers, slots, chains, index);
  const members: [ScanMember[], ScanMember[]] = [[], []];
  const known: [Map<string, number>, Map<string, number>] = [new Map(), new Map()];
  const plans = [0, 1].map(
    (which) =>
      new ScanPlan(
        () => Math.max(1, Math.ceil((members[which]?.length ?? 0) / 64)),
        (pattern) => {
          const member = members[which]?.[pattern];
          return member === undefined ? 0 : matchers.bytesMin(member);
        },
        (pattern) => {
          const member = members[which]?.[pattern];
          return member === undefined ? everyKind : matchers.cover(member);
        },
      ),
  );
  const refused: RefusedRule[] = [];
  const linkWords: number[] = [];
  const ruleWords: number[] = [];
  const scanned = new Set<Rule>();
  const leaps = leapTargets(set, rules);

  for (const [position, rule] of rules.entries()) {
    onProgress(position, rules.length);
    slots.isOfResponse = rule.phase >= firstResponsePhase;
    try {
      const scan = scanOf(rule.phase);
      const first = rule.links[0];
      const asked = askedFor(rule, rules);
      const member =
        asked !== null
          ? ({ kind: 'pattern', source: asked } as const)
          : first === undefined
            ? null
            : scanMember(first);
      const isScanned = scan !== null && member !== null && first !== undefined;
      const bitOf = (wanted: ScanMember | null): number | null => {
        if (scan === null || wanted === null) return null;
        const key = JSON.stringify(wanted);
        const bit = known[scan].get(key) ?? members[scan].push(wanted) - 1;
        known[scan].set(key, bit);
        return bit;
      };
      const own = rule.links.flatMap((link, at) => {
        const isListed = isScanned && at === 0;
        const bit = isListed || scan !== responseScan ? null : bitOf(memberOf(link));
        return links.write(forPhase(link, rule.phase), isListed, bit, isListed ? asked : null);
      });
      if (isScanned) {
        scanned.add(rule);
        const link = forPhase(first, rule.phase);
        // A page always has bytes that are rare in values.
        for (const part of scan === responseScan ? [member] : matchers.parts(member)) {
          const pattern = bitOf(part);
          if (pattern !== null)
            plans[scan]?.add({ rule: position, link, targets: scanTargets(link), pattern });
        }
      }
      ruleWords.push(
        ...writeRule(rule, links, image, linkWords.length / linkWord.size, leaps[position] ?? 0),
      );
      linkWords.push(...own);
    } catch (error) {
      if (!(error instanceof PlanProblem || error instanceof RangeError)) throw error;
      refused.push({ rule, reason: describeError(error) });
    }
  }

  const words: number[] = Array.from({ length: header.size }, () => 0);
  words[header.magic] = imageMagic;
  words[header.version] = imageVersion;
  words[header.rules] = image.words(ruleWords);
  words[header.ruleCount] = rules.length;
  words[header.links] = image.words(linkWords);
  words[header.linkCount] = linkWords.length / linkWord.size;
  for (let phase = 1; phase <= 5; phase++) {
    const from = rules.findIndex((rule) => rule.phase >= phase);
    const to = rules.findIndex((rule) => rule.phase > phase);
    words[header.phases + (phase - 1) * 2] = from < 0 ? rules.length : from;
    words[header.phases + (phase - 1) * 2 + 1] = to < 0 ? rules.length : to;
  }
  words[header.alwaysRules] = index.bits(image, (rule) => !scanned.has(rule));
  const [requestPlan, responsePlan] = plans;
  if (requestPlan !== undefined && responsePlan !== undefined) {
    words[header.feeds] = requestPlan.writeFeeds(image, chains);
    words[header.responseFeeds] = responsePlan.writeFeeds(image, chains);
  }
  for (const [which, plan] of plans.entries()) {
    const list = members[which] ?? [];
    const at = header.scans + which * 3;
    words[at] = list.length === 0 ? 0 : image.bytes(matchers.scanSet(list));
    words[at + 1] = Math.max(1, Math.ceil(list.length / 64));
    words[at + 2] = plan.writeUses(image, list.length, chains);
  }
  words[header.settings] = writeSettings(image, set.settings);
  words[header.ruleWords] = index.wordCount;
  words[header.inboundSlot] = slots.names.indexOf(thresholdNames.inbound) + 1;
  words[header.outboundSlot] = slots.names.indexOf(thresholdNames.outbound) + 1;
  words[header.slotCount] = slots.names.length;
  words[header.slotNames] = image.words(slots.names.map((name) => image.text(name)));
  const needs = needsOf(rules);
  words[header.needs] =
    (needs.head ? need.head : 0) |
    (needs.madeNames ? need.madeNames : 0) |
    (needs.time ? need.time : 0);
  // By an expression rules may look at any of them.
  const kept = needs.madeNames ? slots.names.map((_name, slot) => slot) : slots.kept;
  words[header.keptSlots] = image.words([kept.length, ...kept]);
  words[header.bytes] = image.length;
  image.set(0, words);
  const bytes = image.finish();
  const stats: ImageStats = {
    rules: rules.length,
    scannedRules: scanned.size,
    patterns: members[0].length + members[1].length,
    chains: chains.count,
    slots: slots.names.length,
    bytes: bytes.length,
  };
  return { built: { bytes, rules, stats }, refused };
}

/** Null where the operator has to look at each value by itself. */
export function scanMember(link: Link): ScanMember | null {
  const { operator, targets } = link;
  if (operator.isNegated || operator.name === 'contains' || targets.length === 0) return null;
  return targets.every(isScannedTarget) ? memberOf(link) : null;
}

function isScannedTarget(target: Target): boolean {
  const { first, second } = sourcesOfTarget(target);
  return !target.isCount && isScannable(first) && (second === noSecond || isScannable(second));
}

/** What a value has to be for a rule that copies values, and looks for the copies in a list; null: it is none. */
function askedFor(rule: Rule, rules: readonly Rule[]): string | null {
  if (scanOf(rule.phase) === null) return null;
  const source = listedCopies(rule, rules);
  return rule.links[0]?.targets.every(isScannedTarget) === true ? source : null;
}

/** What the operator cannot do without, negated or not. */
function memberOf({ operator }: Link): ScanMember | null {
  if (operator.name === 'rx') {
    const source = staticText(operator.argument);
    return source === null ? null : { kind: 'pattern', source };
  }
  const hint = operatorHint(operator.name, staticText(operator.argument));
  if (hint !== null) return { kind: 'pattern', source: hint };
  if (operator.name === 'contains') {
    const text = staticText(operator.argument);
    return text === null || text === '' ? null : { kind: 'phrases', phrases: [text] };
  }
  if (operator.name !== 'pm' && operator.name !== 'pmFromFile') return null;
  return operator.entries === null ? null : { kind: 'phrases', phrases: operator.entries };
}

const noSecond = 255;

/** In phase 1 there is no body yet: ARGS are those of the query alone. */
function forPhase(link: Link, phase: Phase): Link {
  if (phase !== 1) return link;
  return {
    ...link,
    targets: link.targets.map((target) =>
      target.variable === 'ARGS'
        ? { ...target, variable: 'ARGS_GET' }
        : target.variable === 'ARGS_NAMES'
          ? { ...target, variable: 'ARGS_GET_NAMES' }
          : target,
    ),
  };
}

const sourcesOfTarget = ({ variable, selector }: Target) =>
  variable === 'XML' && selector.kind === 'xpath'
    ? xmlSources[selector.path]
    : (sourcesOf(variable) ?? noSourceAt(variable));

const scanTargets = (link: Link): readonly ScanTarget[] =>
  link.targets.map((target) => ({
    ...sourcesOfTarget(target),
    selector: target.selector,
    isExcluded: target.isExcluded,
  }));

function writeRule(
  rule: Rule,
  links: LinkWriter,
  image: ImageWriter,
  firstLink: number,
  leap: number,
): number[] {
  const words: number[] = Array.from({ length: ruleWord.size }, () => 0);
  const { disruption: what } = rule;
  words[ruleWord.id] = rule.id;
  words[ruleWord.firstLink] = firstLink;
  words[ruleWord.linkCount] = rule.links.length;
  words[ruleWord.disruption] =
    what.kind === 'allow'
      ? {
          all: disruption.allowAll,
          request: disruption.allowRequest,
          phase: disruption.allowPhase,
        }[what.scope]
      : disruption[what.kind];
  words[ruleWord.flags] =
    (rule.isLogged ? ruleFlag.logged : 0) | (rule.isAudited ? ruleFlag.audited : 0);
  words[ruleWord.status] = 'status' in what ? what.status : 0;
  words[ruleWord.leap] = leap;
  words[ruleWord.message] = links.macro(rule.message);
  words[ruleWord.logData] = links.macro(rule.logData);
  words[ruleWord.location] = what.kind === 'redirect' ? links.macro(what.location) : 0;
  words[ruleWord.severity] = rule.severity ?? 255;
  const tags = rule.tags.filter((tag) => staticText(tag) === null);
  words[ruleWord.tags] =
    tags.length === 0 ? 0 : image.words([tags.length, ...tags.map((tag) => links.macro(tag))]);
  words[ruleWord.phase] = rule.phase;
  return words;
}

/** By rule: one more than the index to go on with after a match, or 0. */
function leapTargets({ rules: entries }: RuleSet, ordered: readonly Rule[]): readonly number[] {
  const indexOf = new Map(ordered.map((rule, index) => [rule, index]));
  const endOf = (phase: Phase): number => {
    const next = ordered.findIndex((rule) => rule.phase > phase);
    return next < 0 ? ordered.length : next;
  };
  const leaps: number[] = ordered.map(() => 0);
  for (const [at, rule] of entries.entries()) {
    if (rule.kind !== 'rule') continue;
    const index = indexOf.get(rule);
    if (index === undefined) continue;
    if (rule.skipAfter !== null) {
      const marker = markerAfter(entries, at, rule.skipAfter);
      const next = marker < 0 ? undefined : nextOfPhase(entries, marker, rule.phase, indexOf);
      leaps[index] = 1 + (next ?? endOf(rule.phase));
    } else if (rule.skip > 0) leaps[index] = 1 + Math.min(index + 1 + rule.skip, endOf(rule.phase));
  }
  return leaps;
}

const markerAfter = (entries: RuleSet['rules'], from: number, name: string): number =>
  entries.findIndex(
    (entry, index) =>
      index > from && (entry.kind === 'marker' ? entry.name === name : String(entry.id) === name),
  );

function nextOfPhase(
  entries: RuleSet['rules'],
  from: number,
  phase: Phase,
  indexOf: ReadonlyMap<Rule, number>,
): number | undefined {
  for (const entry of entries.slice(from + 1))
    if (isRule(entry) && entry.phase === phase && indexOf.has(entry)) return indexOf.get(entry);
  return undefined;
}

const isRule = (entry: Rule | Marker): entry is Rule => entry.kind === 'rule';
