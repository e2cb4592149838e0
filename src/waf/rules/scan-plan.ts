/**
 * Which patterns look at which strings. Every value is scanned once for all of them; a pattern that the scan
 * cannot rule out, and that looks at this value by this chain of transformations, puts the value on the list
 * of its rules.
 *
 * ```
 * source, name of the value ─► trie of chains ─► at each node a mask of patterns
 *                                                       └─► uses: (rule, chain)
 * ```
 *
 * Names that rules pick out or leave out have tries of their own, so that what is not looked at costs nothing.
 */
import type { Link } from '#waf/language/rule-set.ts';
import type { TransformationName } from '#waf/language/transformation-names.ts';
import { childWord, nodeWord, part } from './image-layout.ts';
import type { ImageWriter } from './image-writer.ts';
import type { Sources } from './sources.ts';
import { sourceCount } from './sources.ts';
import {
  bytesMinBefore,
  type Chain,
  prefixesOf,
  type TransformationChains,
  transformationNumber,
} from './transformation-chains.ts';

/** Names of one source with a trie of their own; those beyond are told apart when a rule looks at a value. */
export const ownNamesMax = 64;

export type ScanUse = {
  readonly rule: number;
  readonly link: Link;
  readonly targets: readonly ScanTarget[];
  readonly pattern: number;
};

export type ScanTarget = Sources & {
  readonly selector: Link['targets'][number]['selector'];
  readonly isExcluded: boolean;
};

type Looker = { readonly pattern: number; readonly chain: Chain };
type WrittenNode = { readonly at: number; readonly bytesMin: number };

export class ScanPlan {
  readonly #uses: ScanUse[] = [];
  readonly #wordCount: () => number;
  readonly #bytesMinOf: (pattern: number) => number;
  readonly #coverOf: (pattern: number) => bigint;

  /**
   * How many 64-bit words a mask has, how short a string a pattern can match, and kinds of bytes of which it has one;
   * known when all patterns are.
   */
  constructor(
    wordCount: () => number,
    bytesMinOf: (pattern: number) => number,
    coverOf: (pattern: number) => bigint,
  ) {
    this.#wordCount = wordCount;
    this.#bytesMinOf = bytesMinOf;
    this.#coverOf = coverOf;
  }

  add(use: ScanUse): void {
    this.#uses.push(use);
  }

  get uses(): readonly ScanUse[] {
    return this.#uses;
  }

  /** Uses by pattern: offsets. */
  writeUses(image: ImageWriter, patternCount: number, chains: TransformationChains): number {
    const offsets: number[] = [];
    for (let pattern = 0; pattern < patternCount; pattern++) {
      const pairs = this.#uses
        .filter((use) => use.pattern === pattern)
        .flatMap(({ rule, link }) => chainsOf(link).map((chain) => [rule, chains.of(chain)]));
      offsets.push(image.words([pairs.length, ...pairs.flat()]));
    }
    return image.words([...offsets, 0]);
  }

  /** By source a pair of class tables, 0 where nothing looks. */
  writeFeeds(image: ImageWriter, chains: TransformationChains): number {
    const table: number[] = [];
    for (let source = 0; source < sourceCount; source++)
      table.push(
        this.#writeClasses(image, chains, source, part.value),
        this.#writeClasses(image, chains, source, part.name),
      );
    return image.words(table);
  }

  #writeClasses(
    image: ImageWriter,
    chains: TransformationChains,
    source: number,
    which: number,
  ): number {
    const covers = (target: ScanTarget): boolean =>
      target.part === which && (target.first === source || target.second === source);
    const uses = this.#uses.filter(({ targets }) =>
      targets.some((target) => !target.isExcluded && covers(target)),
    );
    if (uses.length === 0) return 0;
    const names = new Set<string>();
    for (const { targets } of uses)
      for (const target of targets)
        if (covers(target) && target.selector.kind === 'name' && names.size < ownNamesMax)
          names.add(target.selector.name);
    const trieFor = (name: string | null): number => {
      const lookers = uses
        .filter(({ targets }) => looksAt(targets.filter(covers), name, names))
        .flatMap(({ link, pattern }) => chainsOf(link).map((chain) => ({ pattern, chain })));
      return lookers.length === 0 ? 0 : this.#writeNode(image, chains, lookers, []).at;
    };
    const entries = [...names].flatMap((name) => [image.text(name), trieFor(name)]);
    return image.words([trieFor(null), names.size, ...entries]);
  }

  #writeNode(
    image: ImageWriter,
    chains: TransformationChains,
    lookers: readonly Looker[],
    done: Chain,
  ): WrittenNode {
    const here = lookers.filter(({ chain }) => chain.length === done.length);
    const steps = new Set<TransformationName>();
    for (const { chain } of lookers) {
      const step = chain[done.length];
      if (step !== undefined) steps.add(step);
    }
    let bytesMin = Math.min(...here.map(({ pattern }) => this.#bytesMinOf(pattern)));
    const children: number[] = [];
    for (const step of steps) {
      const below = lookers.filter(({ chain }) => chain[done.length] === step);
      const child = this.#writeNode(image, chains, below, [...done, step]);
      const before = bytesMinBefore(step, child.bytesMin);
      bytesMin = Math.min(bytesMin, before);
      children.push(0, 0, ...folded(below), child.at, before, 0, 0);
    }
    const last = done.at(-1);
    const words: number[] = [];
    words[nodeWord.transformation] = last === undefined ? 0xffff_ffff : transformationNumber(last);
    words[nodeWord.chain] = chains.of(done);
    words[nodeWord.mask] = here.length === 0 ? 0 : this.#writeMask(image, here);
    words[nodeWord.subtreeMask] = this.#writeMask(image, lookers);
    words[nodeWord.children] = this.#writeChildren(image, children);
    words[nodeWord.childCount] = children.length / childWord.size;
    const cover = here.reduce((kinds, { pattern }) => kinds | this.#coverOf(pattern), 0n);
    words[nodeWord.cover] = Number(cover & 0xffff_ffffn);
    words[nodeWord.cover + 1] = Number(cover >> 32n);
    const at = image.reserveWords(nodeWord.size);
    image.set(at, words);
    return { at, bytesMin };
  }

  /** A place of its own: the guest fills it in. */
  #writeChildren(image: ImageWriter, words: readonly number[]): number {
    if (words.length === 0) return 0;
    const at = image.reserveWords(words.length);
    image.set(at, words);
    return at;
  }

  #writeMask(image: ImageWriter, lookers: readonly Looker[]): number {
    const mask = new Uint8Array(this.#wordCount() * 8);
    for (const { pattern } of lookers)
      mask[pattern >> 3] = (mask[pattern >> 3] ?? 0) | (1 << (pattern & 7));
    return image.bytes(mask, 8);
  }
}

/** What a mask of these comes to with its 64-bit words laid over each other: low and high half. */
function folded(lookers: readonly Looker[]): readonly [number, number] {
  const halves: [number, number] = [0, 0];
  for (const { pattern } of lookers) halves[pattern & 32 ? 1 : 0] |= 1 << (pattern & 31);
  return halves;
}

const chainsOf = (link: Link): readonly Chain[] =>
  link.isMultiMatch ? prefixesOf(link.transformations) : [link.transformations];

/** May say yes too often, never no too often: `name` null is any name that has no trie of its own. */
function looksAt(
  targets: readonly ScanTarget[],
  name: string | null,
  names: ReadonlySet<string>,
): boolean {
  const matches = ({ selector }: ScanTarget): boolean =>
    selector.kind !== 'name' ||
    (name === null ? !names.has(selector.name) : selector.name === name);
  const isIncluded = targets.some((target) => !target.isExcluded && matches(target));
  const isExcluded = targets.some(
    (target) =>
      target.isExcluded &&
      (target.selector.kind === 'all' ||
        (target.selector.kind === 'name' && target.selector.name === name)),
  );
  return isIncluded && !isExcluded;
}
