/** A rule set in SecLang, built and run in this process by the very engine: whether it stops a request, and what it costs. */
import { buildRuleSet } from '#toolchain/build-rule-set.ts';
import { responseHeadBytesMax, responseHeadersMax } from '#waf/response-bounds.ts';
import { Transaction } from '#waf/transaction.ts';
import { requestView } from '#wasm/seclang/built-request.ts';
import { readModule } from '#wasm/seclang/module-file.ts';
import { SeclangFilter } from '#wasm/seclang/seclang-filter.ts';
import type { DetectionRequest } from './detection-corpus.ts';

const limits = {
  headBytesMax: 131_072,
  headersMax: 100,
  responseHeadBytesMax,
  responseHeadersMax,
  bodyWindowBytes: 131_072,
};

export type Verdicts = {
  readonly stops: (request: DetectionRequest) => boolean;
  /** Of rules that matched the last request. */
  readonly ids: () => readonly number[];
};

export function verdictsOf(folder: string, paranoia: number): Verdicts {
  const rules = {
    name: 'rules',
    paths: [folder],
    paranoia,
    inboundThreshold: null,
    outboundThreshold: null,
    setup: {},
    exclusions: [],
    keepsRuleEngine: false,
  };
  const { bytes } = buildRuleSet(rules, null);
  const module = readModule(bytes);
  if (module === null) throw new Error('it was just built');
  let ids: number[] = [];
  const filter = new SeclangFilter(
    { name: 'rules', sha256: '', failure: 'closed', fuel: 1_000_000_000 },
    new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>),
    module.facts,
    limits,
    (message) => {
      throw new Error(message);
    },
    (_transaction, facts, answer) => {
      for (const match of answer.matches) ids.push(facts.rules[match.rule]?.id ?? 0);
    },
  );
  return {
    ids: () => ids,
    stops: ({ request, body }) => {
      ids = [];
      const facts = { clientAddress: '192.0.2.1', tls: false };
      const transaction = new Transaction(requestView(request), facts, 'id-1', 'r', 'u', false);
      const run = filter.begin(transaction);
      let stop = run.requestHead(body === null);
      if (body !== null && stop === null)
        stop = run.requestBody({
          bytes: body,
          ...{ overlap: 0, position: 0, isFirst: true, isLast: true, isWhole: true },
        });
      run.end();
      return stop !== null;
    },
  };
}
