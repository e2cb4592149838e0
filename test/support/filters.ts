/** Modules for tests: called by one phase, or made of a function without any guest. */
import type { RequestView } from '#waf/request-view.ts';
import { type RequestFacts, Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { type Filter, type FilterRun, phase } from '#wasm/filter.ts';

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
