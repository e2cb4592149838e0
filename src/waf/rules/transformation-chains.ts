/** Numbers for chains of transformations, as links and nodes of tries name them. */
import {
  type TransformationName,
  transformationNames,
} from '#waf/language/transformation-names.ts';

export type Chain = readonly TransformationName[];

export class TransformationChains {
  readonly #numbers = new Map<string, number>();

  of(chain: Chain): number {
    const key = chain.join(' ');
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(key, number);
    return number;
  }

  get count(): number {
    return this.#numbers.size;
  }
}

/** Those that never make a value longer. */
export const neverLonger: ReadonlySet<TransformationName> = new Set<TransformationName>([
  'base64Decode',
  'cmdLine',
  'compressWhitespace',
  'cssDecode',
  'escapeSeqDecode',
  'htmlEntityDecode',
  'jsDecode',
  'lowercase',
  'removeComments',
  'removeNulls',
  'removeWhitespace',
  'replaceComments',
  'trim',
  'urlDecode',
  'urlDecodeUni',
]);

/** How long a value has to be to come out with `bytes` at least. */
export function bytesMinBefore(step: TransformationName, bytes: number): number {
  if (!neverLonger.has(step)) return 0;
  return step === 'base64Decode' ? Math.ceil((bytes * 4) / 3) : bytes;
}

export const transformationNumber = (name: TransformationName): number =>
  transformationNames.indexOf(name);

/** What an operator with `multiMatch` looks at: nothing done, and each step. */
export const prefixesOf = (chain: Chain): readonly Chain[] =>
  Array.from({ length: chain.length + 1 }, (_unused, length) => chain.slice(0, length));
