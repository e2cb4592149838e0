/**
 * What single rules of a set cost: the fuel that requests need less without each of them. Fuel is counted, so the same
 * requests give the same figures on any machine; a unit is about a nanosecond. The one pass over each value that tells
 * which rules may match it is all rules' together, and no rule's own.
 */
import { RuleModes } from '#waf/rule-modes.ts';
import { Transaction } from '#waf/transaction.ts';
import type { FilterRun } from '#wasm/filter.ts';
import { requestView, responseView } from '#wasm/seclang/built-request.ts';
import { readModule } from '#wasm/seclang/module-file.ts';
import { SeclangFilter } from '#wasm/seclang/seclang-filter.ts';
import { type InspectedRequest, inspectionLimits, windowOf } from './inspect-request.ts';

export type RuleCost = {
  readonly rule: number;
  readonly phase: number;
  /** A request, on average. */
  readonly fuel: number;
};

/** Requests beyond these are not run once more for each rule. */
export const costRequestsMax = 100;

/** The dearest first; rules that cost nothing are left out. `only`: of one rule alone. */
export function ruleCosts(
  bytes: Uint8Array,
  given: readonly InspectedRequest[],
  only: number | null = null,
): readonly RuleCost[] {
  const module = readModule(bytes);
  if (module === null) throw new RangeError('is no SecLang module');
  const requests = given.slice(0, costRequestsMax);
  const filter = new SeclangFilter(
    { name: 'bench', sha256: '', failure: 'closed', fuel: 1_000_000_000 },
    new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>),
    module.facts,
    inspectionLimits,
    (message) => {
      throw new RangeError(message);
    },
    () => {},
  );
  // The first time around values are met that are known from then on.
  const whole = Math.min(...wholes.map(() => fuelOf(filter, requests, null)));
  const rules = module.facts.rules.filter(({ id }) => only === null || id === only);
  const costs = rules.map(({ id: rule, phase }) => {
    const fuel = (whole - fuelOf(filter, requests, rule)) / Math.max(1, requests.length);
    return { rule, phase, fuel: Math.round(fuel) };
  });
  filter.close();
  return costs.filter(({ fuel }) => fuel > 0).toSorted((a, b) => b.fuel - a.fuel);
}

const wholes = [1, 2, 3] as const;

/** `without` is a rule that does not run. */
function fuelOf(
  filter: SeclangFilter,
  requests: readonly InspectedRequest[],
  without: number | null,
): number {
  const rows =
    without === null ? [] : [{ rules: [String(without)], tags: [], mode: 'off' as const }];
  const modes = new RuleModes('bench', 'block', 'block', rows, { inbound: null, outbound: null });
  const before = filter.fuelUsed;
  for (const request of requests) {
    const facts = { clientAddress: request.clientAddress, tls: false };
    const view = requestView(request);
    const transaction = new Transaction(view, facts, 'bench', 'bench', 'bench', false);
    walk(filter.begin(transaction, undefined, modes), transaction, request.body);
  }
  return filter.fuelUsed - before;
}

function walk(run: FilterRun, transaction: Transaction, body: string): void {
  let stop = run.requestHead(body === '');
  if (stop === null && body !== '') stop = run.requestBody(windowOf(body));
  if (stop === null) {
    transaction.response = responseView(200, []);
    run.responseHead(true);
  }
  run.end();
}
