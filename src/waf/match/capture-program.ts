/**
 * Syntax tree → a program for the guest's Pike machine, which finds where groups matched: leftmost match, first
 * alternative, as Perl and PCRE2 choose. It runs only behind a match that somebody wants to see the parts of.
 */
import { Blob } from './blob.ts';
import { type ByteSet, keyOf } from './byte-set.ts';
import { AssertionNumber, CaptureOperation, CaptureWord, captureWordsMax } from './format.ts';
import { automatonItemsMax } from './limits.ts';
import { AutomatonTooLarge } from './position-automaton.ts';
import type { Pattern, PatternNode } from './syntax-tree.ts';

type Repeat = PatternNode & { readonly kind: 'repeat' };

export type CaptureInstruction = { operation: number; first: number; second: number };

export type CaptureProgram = {
  readonly instructions: readonly CaptureInstruction[];
  readonly sets: readonly ByteSet[];
  /** Two a group, the whole match first; groups past the ninth are not kept. */
  readonly slots: number;
};

export function buildCaptures(pattern: Pattern): CaptureProgram {
  return new CaptureBuilder(pattern).build();
}

export function encodeCaptures({ instructions, sets, slots }: CaptureProgram): Uint8Array {
  const blob = new Blob(0, CaptureWord.words);
  const words = new Uint32Array(instructions.length * 3);
  // By how far on they are: what is alike in two programs is written alike, which makes modules shorter on their way.
  instructions.forEach(({ operation, first, second }, index) => {
    const ahead = operation === CaptureOperation.split ? first - index : first;
    words.set([operation, ahead, second - index], index * 3);
  });
  const bits = new Uint8Array(sets.length * 32);
  sets.forEach((set, number) => {
    set.forEach((flag, byte) => {
      const at = number * 32 + (byte >> 3);
      if (flag === 1) bits[at] = (bits[at] as number) | (1 << (byte & 7));
    });
  });
  blob.setWord(CaptureWord.instructions, instructions.length);
  blob.setWord(CaptureWord.slots, slots);
  blob.setWord(CaptureWord.instructionsAt, blob.add(words));
  blob.setWord(CaptureWord.setsAt, blob.add(bits));
  return blob.finish();
}

/** Instructions in reverse: each knows what follows it. The last one made is where the program begins. */
class CaptureBuilder {
  readonly #pattern: Pattern;
  readonly #instructions: CaptureInstruction[] = [];
  readonly #sets: ByteSet[] = [];
  readonly #setNumbers = new Map<string, number>();

  constructor(pattern: Pattern) {
    this.#pattern = pattern;
  }

  build(): CaptureProgram {
    const match = this.#push(CaptureOperation.match, 0, 0);
    const end = this.#push(CaptureOperation.save, 1, match);
    const begin = this.#push(CaptureOperation.save, 0, this.#add(this.#pattern.node, end));
    // The machine begins at instruction 0.
    const last = this.#instructions.length - 1;
    if (begin !== last) throw new Error('the program does not begin with its last instruction');
    const turned = (index: number): number => last - index;
    const instructions = this.#instructions.toReversed().map(({ operation, first, second }) => ({
      operation,
      first: operation === CaptureOperation.split ? turned(first) : first,
      second: operation === CaptureOperation.match ? 0 : turned(second),
    }));
    const groups = Math.min(this.#pattern.groupsTotal + 1, captureWordsMax / 2);
    return { instructions, sets: this.#sets, slots: groups * 2 };
  }

  #add(node: PatternNode, next: number): number {
    switch (node.kind) {
      case 'empty':
        return next;
      case 'set':
        return this.#push(CaptureOperation.set, this.#setNumber(node.set), next);
      case 'assertion':
        return this.#push(CaptureOperation.check, AssertionNumber[node.assertion], next);
      case 'group':
        return this.#begin(node.number, this.#add(node.node, this.#end(node.number, next)));
      case 'sequence':
        return node.nodes.reduceRight((behind, part) => this.#add(part, behind), next);
      case 'choice':
        return this.#choose(node.nodes.map((alternative) => this.#add(alternative, next)));
      case 'repeat':
        return this.#addRepeat(node, next);
    }
  }

  #addRepeat(node: Repeat, next: number): number {
    let at = next;
    let copies = node.min;
    if (node.max === null) {
      const loop = this.#loop(node, next);
      at = loop.around;
      if (node.min > 0) {
        at = loop.body;
        copies--;
      }
    } else {
      for (let i = node.min; i < node.max; i++)
        at = this.#option(node, this.#add(node.node, at), next);
    }
    for (let i = 0; i < copies; i++) at = this.#add(node.node, at);
    return at;
  }

  /** `body`: one round at least; `around`: none too. */
  #loop(node: Repeat, next: number): { readonly body: number; readonly around: number } {
    const again = this.#push(CaptureOperation.split, 0, 0);
    const body = canBeEmpty(node.node)
      ? this.#addFresh(node.node, next, again)
      : this.#add(node.node, again);
    const instruction = this.#instructions[again] as CaptureInstruction;
    instruction.first = node.isLazy ? next : body;
    instruction.second = node.isLazy ? body : next;
    return { body, around: this.#option(node, body, next) };
  }

  /**
   * A round of a loop that has taken no byte ends the loop, as in Perl, with the groups it has set. So a part
   * stands in the program twice: as long as its round has taken nothing, going on to `nextFresh`, and from
   * the first byte on, going on to `next`.
   */
  #addFresh(node: PatternNode, nextFresh: number, next: number): number {
    switch (node.kind) {
      case 'empty':
        return nextFresh;
      case 'set':
        return this.#push(CaptureOperation.set, this.#setNumber(node.set), next);
      case 'assertion':
        return this.#push(CaptureOperation.check, AssertionNumber[node.assertion], nextFresh);
      case 'group': {
        const { number } = node;
        const inner = this.#addFresh(
          node.node,
          this.#end(number, nextFresh),
          this.#end(number, next),
        );
        return this.#begin(number, inner);
      }
      case 'sequence':
        return this.#addFreshSequence(node.nodes, nextFresh, next);
      case 'choice':
        return this.#choose(node.nodes.map((part) => this.#addFresh(part, nextFresh, next)));
      case 'repeat':
        return this.#addFreshRepeat(node, nextFresh, next);
    }
  }

  #addFreshSequence(nodes: readonly PatternNode[], nextFresh: number, next: number): number {
    let fresh = nextFresh;
    let used = next;
    for (const node of nodes.toReversed()) {
      fresh = this.#addFresh(node, fresh, used);
      used = this.#add(node, used);
    }
    return fresh;
  }

  #addFreshRepeat(node: Repeat, nextFresh: number, next: number): number {
    let fresh = nextFresh;
    let used = next;
    let copies = node.min;
    if (node.max === null) {
      const loop = this.#loop(node, next);
      const body = this.#addFresh(node.node, nextFresh, loop.around);
      fresh = node.min > 0 ? body : this.#option(node, body, nextFresh);
      used = node.min > 0 ? loop.body : loop.around;
      if (node.min > 0) copies--;
    } else {
      for (let i = node.min; i < node.max; i++) {
        fresh = this.#option(node, this.#addFresh(node.node, fresh, used), nextFresh);
        used = this.#option(node, this.#add(node.node, used), next);
      }
    }
    for (let i = 0; i < copies; i++) {
      fresh = this.#addFresh(node.node, fresh, used);
      used = this.#add(node.node, used);
    }
    return fresh;
  }

  #option({ isLazy }: Repeat, inside: number, outside: number): number {
    return isLazy
      ? this.#push(CaptureOperation.split, outside, inside)
      : this.#push(CaptureOperation.split, inside, outside);
  }

  #choose(alternatives: readonly number[]): number {
    return alternatives.reduceRight((later, first) =>
      this.#push(CaptureOperation.split, first, later),
    );
  }

  #begin(group: number, next: number): number {
    return group < captureWordsMax / 2 ? this.#push(CaptureOperation.save, 2 * group, next) : next;
  }

  #end(group: number, next: number): number {
    return group < captureWordsMax / 2
      ? this.#push(CaptureOperation.save, 2 * group + 1, next)
      : next;
  }

  #push(operation: number, first: number, second: number): number {
    if (this.#instructions.length >= automatonItemsMax) throw new AutomatonTooLarge();
    return this.#instructions.push({ operation, first, second }) - 1;
  }

  #setNumber(set: ByteSet): number {
    const key = keyOf(set);
    const known = this.#setNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.#sets.push(set) - 1;
    this.#setNumbers.set(key, number);
    return number;
  }
}

function canBeEmpty(node: PatternNode): boolean {
  switch (node.kind) {
    case 'empty':
    case 'assertion':
      return true;
    case 'set':
      return false;
    case 'group':
      return canBeEmpty(node.node);
    case 'sequence':
      return node.nodes.every(canBeEmpty);
    case 'choice':
      return node.nodes.some(canBeEmpty);
    case 'repeat':
      return node.min === 0 || canBeEmpty(node.node);
  }
}
