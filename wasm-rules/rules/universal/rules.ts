/** The rules, read from the configuration. */
import { isFieldName, isTag } from '../../sdk/action';
import { AddressSet } from '../../sdk/address';
import { Config } from '../../sdk/config';
import { textContains, textEquals, textGlob, textPrefix, textSuffix } from '../../sdk/text-matcher';
import { Group, groupOf, groups, Part } from './fields';

export const rulesMax: i32 = 4096;
export const conditionsMax: i32 = 8192;
const conditionsPerRuleMax: i32 = 16;
const textsPerConditionMax: i32 = 1024;
const textBytesMax: i32 = 1024;

export const enum Deed {
  Block,
  Challenge,
  Limit,
  Tag,
  Score,
  Log,
  SetHeader,
  Allow,
}

const deeds: string[] = ['block', 'challenge', 'limit', 'tag', 'score', 'log', 'set-header', 'allow'];
const operators: string[] = ['equals', 'in', 'prefix', 'suffix', 'contains', 'glob', 'regex', 'cidr'];

export class Condition {
  constructor(
    public rule: i32,
    public isNot: bool,
    public field: string,
  ) {}
}

export class Rule {
  /** `universal/` and its id. */
  name: string = '';
  reason: string = '';
  deed: Deed = Deed.Block;
  status: i32 = 403;
  points: i32 = 5;
  tag: string = '';
  header: string = '';
  value: string = '';
  ofResponse: bool = false;
  requests: i32 = 0;
  seconds: i32 = 0;
  firstCondition: i32 = 0;
  lastCondition: i32 = 0;
  /** Decided when the body is there, with the head. */
  needsBody: bool = false;
  /** No condition can only hold by a match: it is always looked at. */
  isAlways: bool = true;
}

export const rules: Rule[] = [];
export const conditions: Condition[] = [];
/** More arguments than this are refused where a rule asks about arguments. */
export let argumentsMax: i32 = 256;
export let hasBodyRules: bool = false;

const names = new Set<string>();

export function readRules(config: Config): void {
  argumentsMax = config.integer('argumentsMax', 256, 1, 800);
  const items = config.objects('rules');
  config.done();
  if (items.length > rulesMax) config.refuse('rules', 'has more than 4096 items');
  for (let i = 0; i < items.length; i++) readRule(items[i], i);
  for (let i = 0; i < groups.length; i++) groups[i].prepare();
}

function readRule(from: Config, index: i32): void {
  const rule = new Rule();
  const id = from.required('id');
  if (!isTag(id.toLowerCase())) from.refuse('id', 'is not 1 to 64 of a-z, A-Z, 0-9 and . _ : / -');
  rule.name = 'universal/' + id;
  if (names.has(id)) from.refuse('id', '"' + id + '" is that of an earlier rule as well');
  names.add(id);
  rule.reason = from.string('reason', 'matches rule ' + id);
  rule.firstCondition = conditions.length;
  if (from.has('all')) {
    const all = from.objects('all');
    if (all.length == 0) from.refuse('all', 'is empty: the rule would match everything');
    if (all.length > conditionsPerRuleMax) from.refuse('all', 'has more than 16 items');
    for (let i = 0; i < all.length; i++) {
      readCondition(all[i], rule, index);
      all[i].done();
    }
  } else readCondition(from, rule, index);
  rule.lastCondition = conditions.length;
  readDeed(from, rule, id);
  from.done();
  if (rule.needsBody) {
    hasBodyRules = true;
    if (rule.deed == Deed.SetHeader && !rule.ofResponse)
      from.refuse('action', 'set-header comes too late for a rule on the body: the head is at the upstream');
  }
  rules.push(rule);
}

function readCondition(from: Config, rule: Rule, index: i32): void {
  if (conditions.length == conditionsMax) from.refuse('field', 'belongs to the 8193rd condition');
  const group = groupOf(from);
  const isNot = from.flag('not', false);
  if (group.part == Part.Body) {
    if (isNot) from.refuse('not', 'cannot be said of a body, which is seen piece by piece');
    rule.needsBody = true;
  }
  const id = conditions.length;
  conditions.push(new Condition(index, isNot, group.field));
  if (!isNot) rule.isAlways = false;
  const ignoresCase = from.flag('ignoreCase', group.part == Part.Host);
  const match = from.object('match');
  if (match == null) return from.refuse('match', 'is missing');
  const found = match.names();
  if (found.length != 1 || !operators.includes(found[0]))
    from.refuse('match', 'must hold exactly one of ' + operators.join(', '));
  const operator = found[0];
  const texts = match.texts(operator, textsPerConditionMax);
  if (texts.length == 0) match.refuse(operator, 'is empty: it would never match');
  for (let i = 0; i < texts.length; i++)
    if (texts[i].length > textBytesMax) match.refuse(operator, 'has more than 1024 characters');
  addTexts(group, operator, texts, ignoresCase, id, match);
}

function addTexts(group: Group, operator: string, texts: string[], ignoresCase: bool, id: i32, match: Config): void {
  if (operator == 'cidr') {
    if (group.part != Part.Address) match.refuse(operator, 'is only for the field address');
    const set = new AddressSet();
    for (let i = 0; i < texts.length; i++)
      if (!set.add(texts[i])) match.refuse(operator, '"' + texts[i] + '" is no address or network');
    group.networks.push(set);
    group.networkIds.push(id);
    return;
  }
  if (operator == 'regex') {
    for (let i = 0; i < texts.length; i++) {
      if (texts[i].includes('\n')) match.refuse(operator, 'holds a line feed: write it as \\n');
      group.patterns.push(ignoresCase ? '(?i)' + texts[i] : texts[i]);
      group.patternIds.push(id);
    }
    group.patternPaths.push(match.path + '.regex');
    return;
  }
  if (group.part == Part.Body && operator != 'contains')
    match.refuse(operator, 'cannot be asked of a body: use contains or regex');
  const kind = textOperator(operator);
  for (let i = 0; i < texts.length; i++) group.matcher.add(kind, texts[i], ignoresCase, id);
}

function textOperator(operator: string): i32 {
  if (operator == 'prefix') return textPrefix;
  if (operator == 'suffix') return textSuffix;
  if (operator == 'contains') return textContains;
  return operator == 'glob' ? textGlob : textEquals;
}

function readDeed(from: Config, rule: Rule, id: string): void {
  rule.deed = <Deed>deeds.indexOf(from.choice('action', 'block', deeds));
  switch (rule.deed) {
    case Deed.Block:
      rule.status = from.integer('status', 403, 400, 599);
      break;
    case Deed.Score:
      rule.points = needInteger(from, 'score', -1000, 1000);
      break;
    case Deed.Tag:
      rule.tag = from.string('tag', id);
      if (!isTag(rule.tag)) from.refuse('tag', 'is not 1 to 64 of a-z, 0-9 and . _ : / -');
      break;
    case Deed.Limit:
      rule.requests = needInteger(from, 'requests', 1, 1_000_000);
      rule.seconds = needInteger(from, 'seconds', 1, 86_400);
      break;
    case Deed.SetHeader:
      rule.header = from.required('header');
      if (!isFieldName(rule.header)) from.refuse('header', 'names no header: write it in lower case');
      rule.value = from.required('value');
      if (!isFieldValue(rule.value)) from.refuse('value', 'is no field value of visible ASCII and blanks');
      rule.ofResponse = from.choice('on', 'request', ['request', 'response']) == 'response';
      break;
  }
}

function needInteger(from: Config, name: string, least: i32, most: i32): i32 {
  if (!from.has(name)) from.refuse(name, 'is missing');
  return from.integer(name, 0, least, most);
}

function isFieldValue(text: string): bool {
  if (text.length > 4096) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) return false;
  }
  return true;
}
