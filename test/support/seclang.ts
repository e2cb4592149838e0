/** Rules of a few lines, compiled and run in this process: which of them match a request, and what is decided. */
import { readFile } from 'node:fs/promises';
import { loadRules } from '#waf/language/load.ts';
import { buildImage } from '#waf/rules/build-image.ts';
import { CompiledMatchers } from '#waf/rules/compiled-matchers.ts';
import type { Matchers } from '#waf/rules/matchers.ts';
import { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { type Field, requestView, responseView } from '#wasm/seclang/built-request.ts';
import { matchFlag } from '#wasm/seclang/call-frame.ts';
import { matchLines } from '#wasm/seclang/match-line.ts';
import { readModule, writeModule } from '#wasm/seclang/module-file.ts';
import { ruleSetFacts } from '#wasm/seclang/rule-set-facts.ts';
import { SeclangFilter } from '#wasm/seclang/seclang-filter.ts';
import { buildEngine } from '../../scripts/build-rules.ts';
import { testLimits } from './guests.ts';

export type SeclangCase = {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  readonly fields?: readonly Field[];
  readonly body?: string;
  readonly response?: {
    readonly status?: number;
    readonly fields?: readonly Field[];
    readonly body?: string;
  };
  readonly isMonitored?: boolean;
  readonly clientAddress?: string;
};

export type SeclangOutcome = {
  /** Of rules that are logged, in the order they matched. */
  readonly ids: readonly number[];
  readonly matches: readonly {
    readonly id: number;
    readonly name: string;
    readonly value: string;
    readonly data: string;
    readonly message: string;
  }[];
  readonly lines: string;
  readonly stop: Stop | null;
  readonly failures: readonly string[];
};

const { path } = await buildEngine();
export const engineBytes: Uint8Array = await readFile(path);

export function seclangModule(
  text: string,
  matchers: Matchers = new CompiledMatchers(),
): Uint8Array {
  const { ruleSet, problems } = loadRules([{ kind: 'text', name: 'test.conf', text, folder: '/' }]);
  if (problems[0] !== undefined) throw new Error(`${problems[0].message}: ${problems[0].fix}`);
  const built = buildImage(ruleSet, matchers);
  if (built.refused[0] !== undefined) throw new Error(built.refused[0].reason);
  return writeModule(engineBytes, built.bytes, ruleSetFacts(built.rules, ruleSet.settings));
}

/** A rule set of the text, as routes have it. */
export function seclangFilter(name: string, text: string): SeclangFilter {
  const bytes = seclangModule(text);
  const module = readModule(bytes);
  if (module === null) throw new Error('it was just written');
  return new SeclangFilter(
    { name, sha256: '', failure: 'closed', fuel: 100_000_000 },
    new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>),
    module.facts,
    testLimits,
    (message) => {
      throw new Error(message);
    },
    () => {},
  );
}

export class SeclangRules {
  readonly #filter: SeclangFilter;
  #failures: string[] = [];
  #matches: SeclangOutcome['matches'][number][] = [];
  #lines = '';

  /** Of a text of rules, or of a module that was built from files. */
  constructor(rules: string | Uint8Array, fuel = 100_000_000) {
    const bytes = typeof rules === 'string' ? seclangModule(rules) : rules;
    const module = readModule(bytes);
    if (module === null) throw new Error('it was just written');
    this.#filter = new SeclangFilter(
      { name: 'test', sha256: '', failure: 'closed', fuel },
      new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>),
      module.facts,
      testLimits,
      (message) => this.#failures.push(message),
      (transaction, facts, answer) => {
        for (const match of answer.matches)
          if ((match.flags & matchFlag.logged) !== 0)
            this.#matches.push({ ...match, id: facts.rules[match.rule]?.id ?? 0 });
        this.#lines += matchLines(transaction, facts, answer, 0, (texts) => texts);
      },
    );
  }

  get filter(): SeclangFilter {
    return this.#filter;
  }

  run(given: SeclangCase = {}): SeclangOutcome {
    this.#failures = [];
    this.#matches = [];
    this.#lines = '';
    const { method = 'GET', target = '/', version = 'HTTP/1.1', fields = [], body } = given;
    const view = requestView({
      method,
      target,
      version,
      fields: fields.some(([name]) => name === 'Host')
        ? fields
        : [['Host', 'example.org'], ...fields],
    });
    const { clientAddress = '192.0.2.1', isMonitored = false, response } = given;
    const transaction = new Transaction(
      view,
      { clientAddress, tls: false },
      'id-1',
      'r',
      'u',
      isMonitored,
    );
    const run = this.#filter.begin(transaction);
    let stop = run.requestHead(body === undefined) as Stop | null;
    if (body !== undefined && stop === null) stop = run.requestBody(windowOf(body)) as Stop | null;
    if (stop === null || isMonitored) {
      const text = response?.body ?? '';
      transaction.response = responseView(response?.status ?? 200, response?.fields ?? []);
      stop = (run.responseHead(text === '') as Stop | null) ?? stop;
      if (text !== '') stop = (run.responseBody(windowOf(text)) as Stop | null) ?? stop;
    }
    run.log({
      status: 200,
      outcome: 'forwarded',
      bytesIn: 0,
      bytesOut: 0,
      durationMs: 1,
      wafMs: 1,
      rule: '',
    });
    run.end();
    return {
      ids: this.#matches.map(({ id }) => id),
      matches: this.#matches,
      lines: this.#lines,
      stop,
      failures: this.#failures,
    };
  }
}

const windowOf = (text: string) => ({
  bytes: Buffer.from(text, 'latin1'),
  overlap: 0,
  position: 0,
  isFirst: true,
  isLast: true,
  isWhole: true,
});
