/** The cases of `test/corpus/proxy-wasm/`: what goes in at each side of a module, and what comes out. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Grant } from '#config/module-schema.ts';
import {
  exchange,
  type Loaded,
  loadProxyWasm,
  type RequestParts,
  type ResponseParts,
} from './proxy-wasm-run.ts';

/** Values by name in lower case; an empty list: the field must not be there. */
export type Expected = {
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  /** Regular expressions for the only value. */
  readonly matching?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of a request: method and target. */
  readonly line?: string;
};

export type ProxyWasmCase = {
  readonly name: string;
  readonly request?: RequestParts;
  readonly response?: ResponseParts;
  readonly upstream?: Expected;
  readonly client?: Expected;
  /** The module's own, in the place of the upstream's. */
  readonly answer?: Expected & { readonly status: number };
  /** Parts of lines the module writes to the log, in this order. */
  readonly logs?: readonly string[];
};

export type ProxyWasmCorpus = {
  readonly guest: string;
  readonly config?: object;
  /** Where every client comes from. */
  readonly country?: string;
  readonly grants: readonly Grant[];
  readonly cases: readonly ProxyWasmCase[];
};

/** A corpus whose modules somebody else wrote: the file of their repository, as it was there. */
export type PublicCorpus = ProxyWasmCorpus & {
  readonly origin: { readonly path: string; readonly commit: string; readonly sha256: string };
};

const corpora = join(import.meta.dirname, '../corpus');

export const proxyWasmCorpus = (): readonly ProxyWasmCorpus[] => read('proxy-wasm');

export const publicCorpus = (): readonly PublicCorpus[] =>
  read('proxy-wasm-public') as readonly PublicCorpus[];

function read(folder: string): readonly ProxyWasmCorpus[] {
  return readdirSync(join(corpora, folder))
    .toSorted()
    .map((file) => ({
      guest: file.replace(/\.json$/, ''),
      ...(JSON.parse(readFileSync(join(corpora, folder, file), 'utf8')) as Omit<
        ProxyWasmCorpus,
        'guest'
      >),
    }));
}

export function loadCorpus(bytes: Uint8Array, corpus: ProxyWasmCorpus): Loaded {
  const { config, country, grants } = corpus;
  return loadProxyWasm(bytes, { config, grants, ...(country === undefined ? {} : { country }) });
}

export async function checkCase(
  { filter, failures, logs }: Loaded,
  expected: ProxyWasmCase,
): Promise<void> {
  logs.length = 0;
  const outcome = await exchange(filter, expected.request, expected.response);
  assert.deepEqual(failures, []);
  let from = 0;
  for (const line of expected.logs ?? []) {
    const at = logs.findIndex((logged, index) => index >= from && logged.includes(line));
    assert.ok(at >= 0, `${line} is not in ${JSON.stringify(logs)}`);
    from = at + 1;
  }
  const { answer } = expected;
  if (answer !== undefined) {
    const { stop } = outcome;
    assert.ok(stop?.kind === 'answer', JSON.stringify(outcome));
    assert.equal(stop.status, answer.status);
    checkMessage({ headers: stop.fields, body: stop.body.toString() }, answer);
    return;
  }
  assert.ok(outcome.upstream !== null && outcome.client !== null, JSON.stringify(outcome));
  checkMessage(outcome.upstream, expected.upstream ?? {});
  checkMessage(outcome.client, expected.client ?? {});
}

export function checkMessage(
  actual: {
    readonly headers: readonly (readonly [string, string])[];
    readonly body: string;
    readonly line?: string;
  },
  expected: Expected,
): void {
  const values = (name: string): string[] =>
    actual.headers.filter((field) => field[0].toLowerCase() === name).map((field) => field[1]);
  for (const [name, wanted] of Object.entries(expected.headers ?? {}))
    assert.deepEqual(values(name), wanted, name);
  for (const [name, pattern] of Object.entries(expected.matching ?? {}))
    assert.match(values(name).join('\n'), new RegExp(pattern), name);
  if (expected.line !== undefined) assert.equal(actual.line, expected.line);
  if (expected.body !== undefined) assert.equal(actual.body, expected.body);
}
