/** The cases of `test/corpus/proxy-wasm/`: what goes in at each side of a module, and what comes out. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Grant } from '#config/module-schema.ts';
import type { RequestParts, ResponseParts } from './proxy-wasm-run.ts';

/** Values by name in lower case; an empty list: the field must not be there. */
export type Expected = {
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  /** Regular expressions for the only value. */
  readonly matching?: Readonly<Record<string, string>>;
  readonly body?: string;
};

export type ProxyWasmCase = {
  readonly name: string;
  readonly request?: RequestParts;
  readonly response?: ResponseParts;
  readonly upstream?: Expected;
  readonly client?: Expected;
  /** The module's own, in the place of the upstream's. */
  readonly answer?: Expected & { readonly status: number };
};

export type ProxyWasmCorpus = {
  readonly guest: string;
  readonly config?: object;
  readonly grants: readonly Grant[];
  readonly cases: readonly ProxyWasmCase[];
};

const directory = join(import.meta.dirname, '../corpus/proxy-wasm');

export function proxyWasmCorpus(): readonly ProxyWasmCorpus[] {
  return readdirSync(directory)
    .toSorted()
    .map((file) => ({
      guest: file.replace(/\.json$/, ''),
      ...(JSON.parse(readFileSync(join(directory, file), 'utf8')) as Omit<
        ProxyWasmCorpus,
        'guest'
      >),
    }));
}

export function checkMessage(
  actual: { readonly headers: readonly (readonly [string, string])[]; readonly body: string },
  expected: Expected,
): void {
  const values = (name: string): string[] =>
    actual.headers.filter((field) => field[0].toLowerCase() === name).map((field) => field[1]);
  for (const [name, wanted] of Object.entries(expected.headers ?? {}))
    assert.deepEqual(values(name), wanted, name);
  for (const [name, pattern] of Object.entries(expected.matching ?? {}))
    assert.match(values(name).join('\n'), new RegExp(pattern), name);
  if (expected.body !== undefined) assert.equal(actual.body, expected.body);
}
