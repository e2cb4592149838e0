/**
 * Chains that copy each value into a variable named after it and let the next link look for the copies in a list:
 *
 * ```
 * REQUEST_HEADERS_NAMES "@rx ^.*$"  capture, t:lowercase, setvar:tx.seen_%{tx.0}=/%{tx.0}/, chain
 *   TX:/^seen_/ "@within /proxy/ /if/"
 * ```
 *
 * What such a rule looks for can be said of the value itself: it has to be one of the list. So the scan rules out all
 * others, and they are not copied. That is right where nobody else reads what the rule leaves of those: the copies, TX.0
 * and MATCHED_VAR. Where somebody might, each value is copied.
 */
import type { Link, Macro, Rule, Selector } from '#waf/language/rule-set.ts';
import { staticText } from './link-writer.ts';

/** A pattern that each value matches with which the rule can match; null where the rule is none of these. */
export function listedCopies(rule: Rule, rules: readonly Rule[]): string | null {
  const [first, second] = rule.links;
  if (first === undefined || second === undefined) return null;
  const copy = copyOf(first);
  const list = copy === null ? null : listOf(second, copy.prefix);
  if (copy === null || list === null) return null;
  const words = wordsOf(list, copy);
  for (const other of rules) {
    if (readsStale(other)) return null;
    if (other === rule) continue;
    const read = readBy(other, copy.prefix);
    if (read === null) return null;
    words.push(...read);
  }
  return words.join('|');
}

type Copy = { readonly prefix: string; readonly before: string; readonly after: string };

/** What the first link copies: each value as a whole. */
function copyOf(link: Link): Copy | null {
  const { operator, setVariables, controls } = link;
  const [set] = setVariables;
  const isWhole =
    operator.name === 'rx' && !operator.isNegated && staticText(operator.argument) === '^.*$';
  if (!isWhole || !link.isCapturing || link.isMultiMatch || controls.length > 0) return null;
  if (set === undefined || setVariables.length > 1) return null;
  if (set.collection !== 'tx' || set.change !== 'set') return null;
  const name = around(set.name);
  const value = around(set.value);
  if (name === null || value === null || name.after !== '') return null;
  // With one byte on either side a value without that byte stands between the two that are next to it.
  if (value.before.length !== 1 || value.after.length !== 1) return null;
  return /^[a-z][a-z0-9_]*$/.test(name.before)
    ? { prefix: name.before, before: value.before, after: value.after }
    : null;
}

/** Text, TX.0, text. */
function around(macro: Macro): { readonly before: string; readonly after: string } | null {
  const at = macro.findIndex((piece) => piece.kind === 'variable');
  const piece = macro[at];
  if (piece?.kind !== 'variable' || piece.variable !== 'TX' || piece.name !== '0') return null;
  const before = staticText(macro.slice(0, at));
  const after = staticText(macro.slice(at + 1));
  return before === null || after === null ? null : { before, after };
}

function listOf({ targets, operator, transformations }: Link, prefix: string): string | null {
  const [target] = targets;
  if (target === undefined || targets.length > 1 || target.isCount || target.isExcluded)
    return null;
  if (target.variable !== 'TX' || target.selector.kind !== 'regex') return null;
  if (target.selector.source !== `^${prefix}` || transformations.length > 0) return null;
  return operator.name === 'within' && !operator.isNegated ? staticText(operator.argument) : null;
}

/** One of what stands in the list between the two bytes; what holds the second byte itself may be more of it. */
function wordsOf(list: string, { before, after }: Copy): string[] {
  const words = new Set<string>([escaped(after)]);
  for (let at = list.indexOf(before); at >= 0; at = list.indexOf(before, at + 1)) {
    const end = list.indexOf(after, at + 1);
    if (end >= 0) words.add(`^${escaped(list.slice(at + 1, end))}$`);
  }
  return [...words];
}

const escaped = (text: string): string =>
  [...text].map((one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');

/** Patterns of the values whose copies the rule may look at; null: of any. */
function readBy(rule: Rule, prefix: string): readonly string[] | null {
  const isOurs = (name: string): boolean => name.toLowerCase().startsWith(prefix);
  const names = rule.links.flatMap(({ setVariables }) => setVariables.map(({ name }) => name));
  const sets = names.some((name) => {
    const text = name[0]?.kind === 'text' ? name[0].text.toLowerCase() : '';
    return staticText(name) === null ? mayBegin(text, prefix) : isOurs(text);
  });
  const refers = macrosOf(rule).some((macro) =>
    macro.some(
      (piece) =>
        piece.kind === 'variable' &&
        piece.variable === 'TX' &&
        (piece.name === null || isOurs(piece.name)),
    ),
  );
  if (sets || refers) return null;
  const read: string[] = [];
  for (const { variable, selector } of rule.links.flatMap(({ targets }) => targets)) {
    if (variable !== 'TX') continue;
    const values = valuesOf(selector, prefix);
    if (values === null) return null;
    read.push(...values);
  }
  return read;
}

const mayBegin = (text: string, prefix: string): boolean =>
  text.startsWith(prefix) || prefix.startsWith(text);

/** Patterns of the values that make a name, behind the prefix, which the selector takes; null: any. */
function valuesOf(selector: Selector, prefix: string): readonly string[] | null {
  if (selector.kind === 'name') return selector.name.startsWith(prefix) ? null : [];
  const word = selector.kind === 'regex' ? wordIn(selector.source) : null;
  if (word === null) return null;
  if (word.isAtStart) return mayBegin(word.text, prefix) ? null : [];
  if (prefix.includes(word.text)) return null;
  // All of it in the value, or its beginning at the end of the prefix.
  const values = [`(?i:${word.text})`];
  for (let length = 1; length < word.text.length; length++)
    if (prefix.endsWith(word.text.slice(0, length)))
      values.push(`^(?i:${word.text.slice(length)})`);
  return values;
}

/** What stands in each name that a plain expression takes; null where that is not plain to see. */
function wordIn(source: string): { readonly text: string; readonly isAtStart: boolean } | null {
  const [, start, word, quantifier] = /^(\^?)([a-z0-9_]{3,})([*?+]?)\$?$/i.exec(source) ?? [];
  if (word === undefined) return null;
  const isOptional = quantifier === '*' || quantifier === '?';
  const text = (isOptional ? word.slice(0, -1) : word).toLowerCase();
  return { text, isAtStart: start === '^' };
}

const isCapture = (name: string | null): boolean => name !== null && /^[0-9]$/.test(name);

/** Whether it may look at what a rule before it has captured or matched. */
function readsStale(rule: Rule): boolean {
  let hasCaptured = false;
  for (const [index, link] of rule.links.entries()) {
    const reads = (macro: Macro): boolean =>
      macro.some(
        (piece) =>
          piece.kind === 'variable' &&
          ((piece.variable === 'TX' && isCapture(piece.name) && !hasCaptured) ||
            (index === 0 && link.targets.length === 0 && isOfMatch(piece.variable))),
      );
    if (index === 0 && link.targets.some(({ variable }) => isOfMatch(variable))) return true;
    if (
      index === 0 &&
      link.operator.argument.some((one) => one.kind === 'variable' && isOfMatch(one.variable))
    )
      return true;
    if (reads(link.operator.argument)) return true;
    const asks = link.targets.some(
      ({ variable, selector }) => variable === 'TX' && !hasCaptured && mayTakeCapture(selector),
    );
    if (asks) return true;
    if (link.isCapturing && !link.operator.isNegated) hasCaptured = true;
    if (link.setVariables.some(({ name, value }) => reads(name) || reads(value))) return true;
    const isLast = index === rule.links.length - 1;
    if (isLast && [rule.message, rule.logData, ...rule.tags].some(reads)) return true;
  }
  return false;
}

const isOfMatch = (variable: string): boolean => variable.startsWith('MATCHED_VAR');

/** No word of theirs is as short as the names of captures. */
const mayTakeCapture = (selector: Selector): boolean =>
  selector.kind === 'name'
    ? isCapture(selector.name)
    : selector.kind !== 'regex' || wordIn(selector.source) === null;

const macrosOf = ({ links, message, logData, tags, disruption }: Rule): readonly Macro[] => [
  message,
  logData,
  ...tags,
  ...(disruption.kind === 'redirect' ? [disruption.location] : []),
  ...links.flatMap(({ operator, setVariables }) => [
    operator.argument,
    ...setVariables.flatMap(({ name, value }) => [name, value]),
  ]),
];
