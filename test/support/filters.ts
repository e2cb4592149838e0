/** Modules for tests: called by one phase, or made of a function without any guest. */
import type { RequestView } from '#waf/request-view.ts';
import { type RequestFacts, Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import {
  type BodyWindow,
  type Filter,
  type FilterRun,
  type LogRecord,
  type PhaseAnswer,
  phase,
  type Resume,
} from '#wasm/filter.ts';

export type Verdict = Stop | { readonly kind: 'allow' };

export const allow: Verdict = { kind: 'allow' };

export type Inspect = (view: RequestView, facts: RequestFacts) => Verdict;

export const transactionOf = (view: RequestView, facts: RequestFacts): Transaction =>
  new Transaction(view, facts, 'test', '* /', 'app', false);

/** What a module says of a request head. */
export function inspectHead(module: Filter, view: RequestView, facts: RequestFacts): Verdict {
  const run = module.begin(transactionOf(view, facts), () => {});
  const answer = run.requestHead(true);
  run.end();
  if (answer === 'wait') throw new Error('the module wants to wait');
  return answer ?? allow;
}

/** A filter that looks at request heads alone. */
export function stubFilter(name: string, inspect: Inspect): Filter {
  return {
    name,
    sha256: '',
    abi: 'weir-1',
    phases: phase.requestHead,
    fuelUsed: 0,
    memoryBytes: null,
    fail: () => null,
    close: () => {},
    begin: ({ request, facts }) =>
      ({
        requestHead: () => {
          const verdict = inspect(request, facts);
          return verdict.kind === 'allow' ? null : verdict;
        },
        end: () => {},
      }) as unknown as FilterRun,
  };
}

export type Phases = {
  readonly [Name in 'requestHead' | 'requestBody' | 'responseHead' | 'responseBody']?: (
    about: Transaction,
    window: BodyWindow,
    resume: Resume,
  ) => PhaseAnswer;
} & { readonly log?: (record: LogRecord, about: Transaction) => void };

/** A filter made of functions; `buffers`: it holds responses until they are whole. */
export function phaseFilter(name: string, phases: Phases, buffers = false): Filter {
  let bits = buffers ? phase.buffersResponse : 0;
  for (const [key, bit] of Object.entries(phase)) if (Object.hasOwn(phases, key)) bits |= bit;
  return {
    ...stubFilter(name, () => allow),
    phases: bits,
    fail: () => ({ ...stopFor(`${name}/failure`), status: 503 }),
    begin: (about, resume) => {
      const none = null as unknown as BodyWindow;
      return {
        requestHead: () => phases.requestHead?.(about, none, resume) ?? null,
        requestBody: (window) => phases.requestBody?.(about, window, resume) ?? null,
        responseHead: () => phases.responseHead?.(about, none, resume) ?? null,
        responseBody: (window) => phases.responseBody?.(about, window, resume) ?? null,
        log: (record) => phases.log?.(record, about),
        end: () => {},
      };
    },
  };
}

export const stopFor = (rule: string): Extract<Stop, { kind: 'block' }> => ({
  kind: 'block',
  status: 403,
  rule,
  reason: 'the test says so',
  target: 'test',
  matched: '',
});
