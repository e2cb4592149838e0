/**
 * Reads the second argument of `SecRule`: `@rx ^a`, `!@within %{tx.methods}`, or a bare pattern.
 *
 * Arguments that are lists are read and split here, files and all, so that nothing behind this opens a
 * file. Names are compared without case.
 */
import { nearestName } from '#core/nearest-name.ts';
import { literalMacro, parseMacro } from './macro.ts';
import {
  addressLines,
  parseAddresses,
  parseByteRanges,
  parsePhrases,
  phraseLines,
} from './operator-lists.ts';
import { type OperatorName, operatorNames } from './operator-names.ts';
import { RuleError } from './problem.ts';
import type { Operator, Position } from './rule-set.ts';
import type { Word } from './source-text.ts';
import type { RefusedPart } from './target-list.ts';
import { type Refusal, refusalNamed } from './variable-kinds.ts';

/** Text of a list that lies beside the rule file. */
export type DataSource = (name: string, position: Position) => string;

const aliases: Readonly<Record<string, OperatorName>> = {
  ipmatchf: 'ipMatchFromFile',
  pmf: 'pmFromFile',
};

const program = 'a program would run for each request';
const asModule = 'write the check as a module (weir module new)';
/** By name. */
export const refusedOperators: Readonly<Record<string, Refusal>> = {
  geoLookup: {
    reason: 'countries are looked up by a module',
    fix: 'use the module builtin:geo, which blocks or marks by country',
  },
  rbl: {
    reason: 'a question to a DNS list would hold up each request and tell others who visits',
    fix: 'load such a list as blocks (weir block import), or use @ipMatchFromFile',
  },
  inspectFile: { reason: program, fix: asModule },
  fuzzyHash: { reason: 'ssdeep hashes are not computed', fix: asModule },
  gsbLookup: { reason: 'that service of Google is closed', fix: 'remove the rule' },
  rsub: { reason: 'bodies are not rewritten by rules', fix: asModule },
  rxGlobal: { reason: 'it captures every match', fix: 'use @rx' },
  validateDTD: { reason: 'document types are not loaded', fix: asModule },
  validateSchema: { reason: 'XML schemas are not loaded', fix: asModule },
  validateHash: { reason: 'links are not signed', fix: 'remove the rule' },
  verifyCPF: { reason: 'the number of Brazil is not known', fix: 'match it by @rx' },
  verifySVNR: { reason: 'the number of Austria is not known', fix: 'match it by @rx' },
};

export type ParsedOperator = {
  readonly operator: Operator;
  /** Of a byte of its argument. */
  readonly argumentAt: (offset: number) => Position;
};

export function parseOperator(word: Word, data: DataSource): ParsedOperator | RefusedPart {
  const text = word.text;
  let at = skipBlanks(text, 0);
  const position = word.positionAt(at);
  const isNegated = text[at] === '!';
  if (isNegated) at = skipBlanks(text, at + 1);
  if (text[at] !== '@') {
    const patternStart = at;
    const argumentAt = (offset: number): Position => word.positionAt(patternStart + offset);
    const argument = parseMacro(text.slice(at), argumentAt);
    return { operator: { name: 'rx', isNegated, argument, entries: null, position }, argumentAt };
  }
  const nameEnd = endOfName(text, at + 1);
  const name = text.slice(at + 1, nameEnd);
  const known = operatorOf(name);
  if (known === null) return unknownOperator(name, position);
  at = skipBlanks(text, nameEnd);
  const argumentStart = at;
  const argument = text.slice(at);
  const argumentAt = (offset: number): Position => word.positionAt(argumentStart + offset);
  const parsed = parseArgument(known, argument, argumentAt, data);
  return { operator: { name: known, isNegated, ...parsed, position }, argumentAt };
}

function parseArgument(
  name: OperatorName,
  text: string,
  positionAt: (offset: number) => Position,
  data: DataSource,
): Pick<Operator, 'argument' | 'entries'> {
  const position = positionAt(0);
  const list = (entries: readonly string[]) => ({ argument: literalMacro(text), entries });
  switch (name) {
    case 'pm':
      return list(parsePhrases(text, position));
    case 'pmFromFile':
      return list(
        fileNames(text, position).flatMap((file) => phraseLines(data(file, position), position)),
      );
    case 'ipMatch':
      return list(parseAddresses(text, position));
    case 'ipMatchFromFile':
      return list(
        fileNames(text, position).flatMap((file) =>
          addressLines(data(file, position), position, file),
        ),
      );
    case 'validateByteRange':
      return list(parseByteRanges(text, position));
    case 'detectCommand':
      return { argument: literalMacro(oneOf(name, ['strict'], text, position)), entries: null };
    case 'graphqlAliases':
    case 'graphqlCost':
    case 'graphqlDepth':
    case 'graphqlFields':
      return { argument: limitOf(name, text, positionAt), entries: null };
    case 'detectLookup':
    case 'detectSsrf':
    case 'detectTemplate':
      return { argument: literalMacro(oneOf(name, [], text, position)), entries: null };
    case 'detectSQLi':
    case 'detectXSS':
    case 'noMatch':
    case 'unconditionalMatch':
    case 'validateUrlEncoding':
    case 'validateUtf8Encoding':
      return { argument: literalMacro(text), entries: null };
    default:
      return { argument: parseMacro(text, positionAt), entries: null };
  }
}

function oneOf(
  name: OperatorName,
  words: readonly string[],
  text: string,
  position: Position,
): string {
  if (text === '' || words.includes(text)) return text;
  const known = words.length === 0 ? 'takes no argument' : `takes nothing or ${words.join(', ')}`;
  throw new RuleError(position, `@${name} ${known}, not "${text}"`, 'remove it');
}

/** A whole number, or a reference to one. */
function limitOf(
  name: OperatorName,
  text: string,
  positionAt: (offset: number) => Position,
): Operator['argument'] {
  if (/^[0-9]{1,9}$/.test(text) || /^%\{[^}]+\}$/.test(text)) return parseMacro(text, positionAt);
  throw new RuleError(
    positionAt(0),
    `@${name} needs the number that a query may have at most, not "${text}"`,
    `write for example @${name} 10`,
  );
}

function fileNames(text: string, position: Position): readonly string[] {
  const names = text.split(/[ \t]+/).filter((name) => name !== '');
  if (names.length === 0) {
    throw new RuleError(position, 'the name of a file is missing', 'name a file beside this one');
  }
  const remote = names.find((name) => /^https?:\/\//i.test(name));
  if (remote === undefined) return names;
  throw new RuleError(
    position,
    `"${remote}" lies on another server`,
    'fetch it yourself, look at it, and name the local file',
  );
}

export function operatorOf(name: string): OperatorName | null {
  const lower = name.toLowerCase();
  if (refusalNamed(refusedOperators, lower) !== null) return null;
  if (Object.hasOwn(aliases, lower)) return aliases[lower] ?? null;
  return operatorNames.find((known) => known.toLowerCase() === lower) ?? null;
}

function unknownOperator(name: string, position: Position): RefusedPart {
  const refusal = refusalNamed(refusedOperators, name);
  if (refusal !== null)
    return { position, reason: `@${refusal.name}: ${refusal.reason}`, fix: refusal.fix };
  const near = nearestName(name, operatorNames);
  throw new RuleError(
    position,
    `there is no operator @${name}`,
    near === null ? 'write @rx before a pattern that begins with @' : `did you mean @${near}?`,
  );
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && (text[at] === ' ' || text[at] === '\t')) at++;
  return at;
}

function endOfName(text: string, from: number): number {
  let at = from;
  while (at < text.length && !/[\s]/.test(text[at] ?? '')) at++;
  return at;
}
