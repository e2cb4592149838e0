/** The disputed requests of `../shared/corpora/smuggling`, as its README describes them. */
import { sharedFile } from './shared-file.ts';

export type SmugglingCase = {
  readonly id: string;
  readonly family: string;
  readonly proto: 'h1' | 'h2';
  readonly expected: 'reject' | 'normalise' | 'accept';
  readonly note: string;
  /** Base64; sent in one write. */
  readonly raw: string;
  /** Beginnings of the request lines the origin may see, in order; null leaves it to `max_upstream`. */
  readonly upstream: readonly string[] | null;
  /** Base64; what the origin must read as the body of the first of them. */
  readonly body?: string;
  readonly half_close?: boolean;
  readonly limit?: boolean;
  readonly max_upstream?: number;
};

export type ParserCase = {
  readonly id: string;
  readonly title: string;
  readonly parser: 'ok' | 'error';
  readonly reason?: string;
  readonly raw: string;
};

export function smugglingCases<Case = SmugglingCase>(
  file: 'h1' | 'h2' | 'parser-llhttp',
): { readonly cases: readonly Case[]; readonly skip: string | false } {
  const { lines, skip } = sharedFile(`corpora/smuggling/${file}.jsonl`);
  return { cases: lines.map((line) => JSON.parse(line) as Case), skip };
}
