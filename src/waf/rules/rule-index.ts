/**
 * Which rules an exclusion means: identifiers, tags and messages looked up once, so that taking rules out of a
 * request is a few words OR-ed together.
 */
import type { Macro, Rule } from '#waf/language/rule-set.ts';
import type { ImageWriter } from './image-writer.ts';

export class RuleIndex {
  readonly #rules: readonly Rule[];

  /** In the order of the image. */
  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  get wordCount(): number {
    return Math.max(1, Math.ceil(this.#rules.length / 64));
  }

  bitsById(image: ImageWriter, from: number, to: number): number {
    return this.bits(image, ({ id }) => id >= from && id <= to);
  }

  /** As ModSecurity does: the pattern may match anywhere in the tag. */
  bitsByTag(image: ImageWriter, pattern: string): number {
    const matches = patternTest(pattern);
    return this.bits(image, ({ tags }) => tags.some((tag) => matches(plainText(tag))));
  }

  bitsByMessage(image: ImageWriter, pattern: string): number {
    const matches = patternTest(pattern);
    return this.bits(image, ({ message }) => matches(plainText(message)));
  }

  bits(image: ImageWriter, isMeant: (rule: Rule) => boolean): number {
    const bits = new Uint8Array(this.wordCount * 8);
    for (const [index, rule] of this.#rules.entries())
      if (isMeant(rule)) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
    return image.bytes(bits, 8);
  }
}

/** A configured pattern, run at build time over configured texts. */
function patternTest(pattern: string): (text: string) => boolean {
  try {
    const compiled = new RegExp(pattern, 's');
    return (text) => compiled.test(text);
  } catch {
    return (text) => text.includes(pattern);
  }
}

/** With its references as they are written. */
export const plainText = (macro: Macro): string =>
  macro
    .map((piece) =>
      piece.kind === 'text'
        ? piece.text
        : `%{${piece.variable}${piece.name === null ? '' : `.${piece.name}`}}`,
    )
    .join('');
