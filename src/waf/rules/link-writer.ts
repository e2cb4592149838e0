/**
 * A link as words: its targets, what its operator compares with, what it changes. Every text, pattern and
 * target that several rules share is written once.
 */
import type { Control, Link, Macro, SetVariable, Target } from '#waf/language/rule-set.ts';
import { compileByteRange } from '#waf/operator/byte-range.ts';
import { compileIpRanges } from '#waf/operator/ip-ranges.ts';
import {
  bodyProcessor,
  capturesWhole,
  change,
  controlKind,
  controlWord,
  engineMode,
  linkFlag,
  linkWord,
  noSlot,
  operatorNumber,
  pieceKind,
  pieceWord,
  selectorKind,
  setWord,
  targetWord,
  valueKind,
} from './image-layout.ts';
import type { ImageWriter } from './image-writer.ts';
import type { Compiled, Matchers } from './matchers.ts';
import type { RuleIndex } from './rule-index.ts';
import { collection, noSourceAt, type Sources, sourcesOf, xmlSources } from './sources.ts';
import { type TransformationChains, transformationNumber } from './transformation-chains.ts';
import type { TxSlots } from './tx-slots.ts';

/** `.` is any byte and `$` the end: what rules write to have a value as TX.0. */
const wholeValue = '^.*$';

export class LinkWriter {
  readonly #image: ImageWriter;
  readonly #matchers: Matchers;
  readonly #slots: TxSlots;
  readonly #chains: TransformationChains;
  readonly #rules: RuleIndex;
  readonly #patterns = new Map<string, { readonly at: number; readonly compiled: Compiled }>();

  constructor(
    image: ImageWriter,
    matchers: Matchers,
    slots: TxSlots,
    chains: TransformationChains,
    rules: RuleIndex,
  ) {
    this.#image = image;
    this.#matchers = matchers;
    this.#slots = slots;
    this.#chains = chains;
    this.#rules = rules;
  }

  /**
   * Throws `PlanProblem` where a construct cannot be run. `asked` is a pattern in the place of one that takes any value
   * as a whole.
   */
  write(
    link: Link,
    isScanned: boolean,
    scanBit: number | null,
    asked: string | null = null,
  ): number[] {
    const image = this.#image;
    const included = link.targets.filter((target) => !target.isExcluded);
    const excluded = link.targets.filter((target) => target.isExcluded);
    const { name, isNegated } = link.operator;
    const words: number[] = Array.from({ length: linkWord.size }, () => 0);
    words[linkWord.targets] = this.#targets(included);
    words[linkWord.targetCount] = included.length;
    words[linkWord.exclusions] = this.#targets(excluded);
    words[linkWord.exclusionCount] = excluded.length;
    words[linkWord.operator] = operatorNumber[name];
    words[linkWord.flags] =
      (isNegated ? linkFlag.negated : 0) |
      (link.isCapturing ? linkFlag.capturing : 0) |
      (link.isMultiMatch ? linkFlag.multiMatch : 0) |
      (isScanned ? linkFlag.scanned : 0);
    this.#operand(link, words);
    if (asked !== null) words[linkWord.operand] = this.pattern(asked).at;
    words[linkWord.transformations] =
      link.transformations.length === 0
        ? 0
        : image.bytes(Uint8Array.from(link.transformations, transformationNumber), 1);
    words[linkWord.transformationCount] = link.transformations.length;
    const sets = link.setVariables.flatMap((set) => this.#set(set));
    words[linkWord.setVariables] = sets.length === 0 ? 0 : image.words(sets);
    words[linkWord.setVariableCount] = sets.length / setWord.size;
    const controls = link.controls.flatMap((control) => this.#control(control));
    words[linkWord.controls] = controls.length === 0 ? 0 : image.words(controls);
    words[linkWord.controlCount] = controls.length / controlWord.size;
    words[linkWord.chain] = this.#chains.of(link.transformations);
    words[linkWord.scanBit] = scanBit === null ? 0 : scanBit + 1;
    return words;
  }

  /** 0 for an empty one. */
  macro(macro: Macro): number {
    const pieces = macro.flatMap((piece) => this.#piece(piece));
    return pieces.length === 0 ? 0 : this.#image.words([pieces.length / pieceWord.size, ...pieces]);
  }

  /** Where the pattern lies; throws where it cannot be compiled. */
  pattern(source: string): { readonly at: number; readonly compiled: Compiled } {
    const known = this.#patterns.get(source);
    if (known !== undefined) return known;
    const compiled = this.#matchers.pattern(source);
    if ('problem' in compiled) throw new PlanProblem(compiled.problem);
    const written = { at: this.#image.bytes(compiled.bytes), compiled };
    this.#patterns.set(source, written);
    return written;
  }

  #operand({ operator, isCapturing }: Link, words: number[]): void {
    const image = this.#image;
    const { name, argument, entries } = operator;
    const text = staticText(argument);
    const put = (bytes: Uint8Array): void => {
      words[linkWord.operand] = image.bytes(bytes);
      words[linkWord.operandBytes] = bytes.length;
    };
    switch (name) {
      case 'rx':
      case 'verifyCC':
      case 'verifySSN': {
        if (text === null)
          throw new PlanProblem(`the pattern of @${name} must not hold references (%{…})`);
        const { at, compiled } = this.pattern(text);
        words[linkWord.operand] = at;
        words[linkWord.operandBytes] = compiled.bytes.length;
        if (isCapturing || name !== 'rx')
          words[linkWord.captures] =
            text === wholeValue ? capturesWhole : image.bytes(this.#matchers.captures(text));
        return;
      }
      case 'pm':
      case 'pmFromFile':
        if (entries === null || entries.length === 0)
          throw new PlanProblem(`@${name} has no phrases`);
        put(this.#matchers.phraseSet(entries));
        return;
      case 'ipMatch':
      case 'ipMatchFromFile':
        put(addressRanges(name, entries ?? []));
        return;
      case 'validateByteRange':
        put(allowedBytes(text ?? ''));
        return;
      default:
        if (text === null) words[linkWord.argument] = this.macro(argument);
        else {
          words[linkWord.operand] = image.text(text);
          words[linkWord.operandBytes] = text.length;
        }
    }
  }

  #targets(targets: readonly Target[]): number {
    const words = targets.flatMap((target) => this.#targetWords(target));
    return words.length === 0 ? 0 : this.#image.words(words);
  }

  target(target: Target): number {
    return this.#image.words(this.#targetWords(target));
  }

  #targetWords({ variable, selector, isCount }: Target): number[] {
    const sources = variable === 'XML' ? xmlOf(selector) : sourcesOf(variable);
    const words: number[] = Array.from({ length: targetWord.size }, () => 0);
    const { first, second, part, label } = sources ?? noSourceAt(variable);
    words[targetWord.sources] = first | (second << 8) | (part << 16) | ((isCount ? 1 : 0) << 24);
    words[targetWord.label] = this.#image.text(
      `${isCount ? '&' : ''}${label}${selector.kind === 'xpath' ? `:${selector.path}` : ''}`,
    );
    words[targetWord.slot] = noSlot;
    if (selector.kind === 'name') {
      words[targetWord.selector] = selectorKind.name;
      words[targetWord.name] = this.#image.text(selector.name.toLowerCase());
      if (variable === 'TX') words[targetWord.slot] = this.#slots.of(selector.name);
    } else if (selector.kind === 'regex') {
      words[targetWord.selector] = selectorKind.regex;
      words[targetWord.name] = this.pattern(`(?i)${selector.source}`).at;
    }
    return words;
  }

  #piece(piece: Macro[number]): number[] {
    const image = this.#image;
    if (piece.kind === 'text') return [pieceKind.text, image.text(piece.text), 0, noSlot];
    const { variable, name } = piece;
    if (variable === 'TX' && name !== null)
      return [pieceKind.slot, 0, image.text(name.toLowerCase()), this.#slots.of(name)];
    const { first, second, part } = sourcesOf(variable) ?? noSourceAt(variable);
    return [
      pieceKind.variable,
      first | (second << 8) | (part << 16),
      name === null ? 0 : image.text(name.toLowerCase()),
      noSlot,
    ];
  }

  #set({ collection: where, name, change: kind, value }: SetVariable): number[] {
    if (where !== 'tx')
      throw new PlanProblem(
        `setvar:${where}.… keeps a value between requests, which Weir does not: use tx, or a rate limit of the route`,
      );
    const words: number[] = Array.from({ length: setWord.size }, () => 0);
    const slotName = staticText(name);
    words[setWord.slot] = slotName === null ? noSlot : this.#slots.of(slotName);
    words[setWord.name] = slotName === null ? this.macro(name) : 0;
    words[setWord.change] = change[kind];
    const text = staticText(value);
    if (text === null) {
      words[setWord.valueKind] = valueKind.macro;
      words[setWord.value] = this.macro(value);
    } else if (/^(?:0|-?[1-9][0-9]{0,8})$/.test(text)) {
      words[setWord.valueKind] = valueKind.number;
      words[setWord.number] = Number(text);
    } else {
      words[setWord.valueKind] = valueKind.text;
      words[setWord.value] = this.#image.text(text);
    }
    return words;
  }

  #control(control: Control): number[] {
    const words: number[] = Array.from({ length: controlWord.size }, () => 0);
    const put = (kind: number, value: number, target = 0): number[] => {
      words[controlWord.kind] = kind;
      words[controlWord.value] = value;
      words[controlWord.target] = target;
      return words;
    };
    switch (control.kind) {
      case 'ruleEngine':
        return put(controlKind.ruleEngine, engineMode[control.value]);
      case 'ruleRemoveById':
        return put(
          controlKind.removeRules,
          this.#rules.bitsById(this.#image, control.from, control.to),
        );
      case 'ruleRemoveByTag':
        return put(controlKind.removeRules, this.#rules.bitsByTag(this.#image, control.pattern));
      case 'ruleRemoveByMsg':
        return put(
          controlKind.removeRules,
          this.#rules.bitsByMessage(this.#image, control.pattern),
        );
      case 'ruleRemoveTargetById':
        return put(
          controlKind.removeTarget,
          this.#rules.bitsById(this.#image, control.from, control.to),
          this.target(control.target),
        );
      case 'ruleRemoveTargetByTag':
        return put(
          controlKind.removeTarget,
          this.#rules.bitsByTag(this.#image, control.pattern),
          this.target(control.target),
        );
      case 'ruleRemoveTargetByMsg':
        return put(
          controlKind.removeTarget,
          this.#rules.bitsByMessage(this.#image, control.pattern),
          this.target(control.target),
        );
      case 'requestBodyProcessor':
        return put(controlKind.bodyProcessor, bodyProcessor[control.value]);
      case 'requestBodyAccess':
        return put(controlKind.requestBodyAccess, control.value ? 1 : 0);
      case 'forceRequestBodyVariable':
        return put(controlKind.forceRequestBody, control.value ? 1 : 0);
      case 'responseBodyAccess':
        return put(controlKind.responseBodyAccess, control.value ? 1 : 0);
      case 'auditEngine':
      case 'auditLogParts':
        // There is one log, and what goes into it is the rule's own say.
        return [];
    }
  }
}

/** A rule that cannot be run as it stands; the message says what and why. */
export class PlanProblem extends Error {
  override readonly name = 'PlanProblem';
}

/** Null where it holds references. */
export function staticText(macro: Macro): string | null {
  let text = '';
  for (const piece of macro) {
    if (piece.kind !== 'text') return null;
    text += piece.text;
  }
  return text;
}

function addressRanges(operator: string, entries: readonly string[]): Uint8Array {
  const ranges = compileIpRanges(entries);
  if (ranges.kind === 'ranges') return ranges.bytes;
  throw new PlanProblem(`@${operator}: ${ranges.entry} is no address and no network`);
}

function allowedBytes(text: string): Uint8Array {
  const range = compileByteRange(text);
  if (range.kind === 'bytes') return range.bits;
  throw new PlanProblem(`@validateByteRange: ${range.piece} is no range of bytes`);
}

function xmlOf(selector: Target['selector']): Sources {
  if (selector.kind === 'xpath') return xmlSources[selector.path];
  return selector.kind === 'all'
    ? { ...xmlSources['/*'], second: collection.xmlAttributes }
    : noSourceAt('XML');
}
