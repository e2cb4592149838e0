/**
 * A SecLang rule set as requests meet it, beside the modules of other ABIs: one engine instance for all requests of
 * the worker, each request's state kept here between its phases.
 *
 * ```
 * head, or head and body ─► phases 1, 2 ─► response head, or head and body ─► 3, 4, 5
 *                              └ decided: 5, and the answer
 * ```
 *
 * Rules of phase 1 wait for the body where there is one, and those of phase 3 for that of the answer: nothing goes to the
 * origin, or to the client, before both have run, and what a head is made of is looked at once.
 */
import { blockingModes, type RuleModes } from '#waf/rule-modes.ts';
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import type { GuestLimits } from '../abi.ts';
import { failureStop } from '../failure-stop.ts';
import { type Filter, type FilterRuleSet, type FilterRun, phase, type Resume } from '../filter.ts';
import { GuestFailure } from '../guest-failure.ts';
import type { CompileSource, OnFailure } from '../live-module.ts';
import { type EngineCall, EngineInstance } from './engine-instance.ts';
import type { RuleSetFacts } from './rule-set-facts.ts';
import { namedRules, type RuleTerms, ruleTerms } from './rule-terms.ts';
import { type Answered, type OnMatches, type RunHost, SeclangRun } from './seclang-run.ts';
import { ShownTypes } from './shown-types.ts';

export class SeclangFilter implements Filter, RunHost {
  readonly name: string;
  readonly sha256: string;
  readonly abi = 'seclang';
  readonly phases: number;
  readonly facts: RuleSetFacts;
  readonly ruleSet: FilterRuleSet;
  readonly onMatches: OnMatches;
  readonly shownTypes: ShownTypes;
  readonly #failure: 'closed' | 'open';
  readonly #fuel: number;
  readonly #compiled: WebAssembly.Module;
  readonly #limits: GuestLimits;
  readonly #onFailure: OnFailure;
  /** By route; a snapshot that is gone takes its own along. */
  readonly #terms = new WeakMap<RuleModes, RuleTerms>();
  /** Mostly there is one route. */
  #lastTerms: { readonly modes: RuleModes; readonly terms: RuleTerms } | null = null;
  #instance: EngineInstance | null;
  #fuelUsed = 0;

  /** Throws `GuestFailure` when the first instance cannot be made. */
  constructor(
    source: Pick<CompileSource, 'name' | 'sha256' | 'failure' | 'fuel'>,
    compiled: WebAssembly.Module,
    facts: RuleSetFacts,
    limits: GuestLimits,
    onFailure: OnFailure,
    onMatches: OnMatches,
  ) {
    this.name = source.name;
    this.sha256 = source.sha256;
    this.facts = facts;
    this.onMatches = onMatches;
    this.shownTypes = new ShownTypes(facts.settings);
    this.#failure = source.failure;
    this.#fuel = source.fuel;
    this.#compiled = compiled;
    this.#limits = limits;
    this.#onFailure = onFailure;
    this.phases = phasesOf(facts);
    this.ruleSet = { rules: namedRules(source.name, facts), thresholds: facts.thresholds };
    this.#instance = this.#makeInstance();
  }

  get fuelUsed(): number {
    return this.#fuelUsed;
  }

  get bodyBytesMax(): number {
    return this.#limits.bodyWindowBytes;
  }

  get memoryBytes(): number {
    return this.#instance?.memoryBytes ?? 0;
  }

  /** Of the instance in use. */
  get valuesNoted(): number {
    return this.#instance?.valuesNoted ?? 0;
  }

  begin(transaction: Transaction, _resume?: Resume, modes: RuleModes = blockingModes): FilterRun {
    return new SeclangRun(this, transaction, this.#termsOf(modes));
  }

  #termsOf(modes: RuleModes): RuleTerms {
    const last = this.#lastTerms;
    if (last?.modes === modes) return last.terms;
    const terms = this.#terms.get(modes) ?? ruleTerms(this.ruleSet.rules, modes);
    this.#terms.set(modes, terms);
    this.#lastTerms = { modes, terms };
    return terms;
  }

  fail(reason: string): Stop | null {
    return this.#failed(new GuestFailure('timeout', reason));
  }

  close(): void {
    this.#instance = null;
  }

  /** The engine's answer, or what the policy says of its failure. */
  call(call: EngineCall): Answered {
    try {
      this.#instance ??= this.#makeInstance();
      const answer = this.#instance.call(call);
      this.#fuelUsed += answer.fuel;
      return answer;
    } catch (error) {
      return { failed: this.#failed(error) };
    }
  }

  #makeInstance(): EngineInstance {
    return new EngineInstance(this.#compiled, this.#limits, this.#fuel);
  }

  /** Throws what is not the engine's doing. */
  #failed(error: unknown): Stop | null {
    if (!(error instanceof GuestFailure)) throw error;
    this.#instance = null;
    const message = error.describe();
    this.#onFailure(`rule set ${this.name} failed (policy ${this.#failure}): ${message}`, error);
    return failureStop(this.name, this.#failure, message);
  }
}

function phasesOf({ rules, settings }: RuleSetFacts): number {
  const has = (wanted: number): boolean => rules.some((rule) => rule.phase === wanted);
  let phases = phase.requestHead | phase.log;
  if (settings.requestBodyAccess) phases |= phase.requestBody;
  if (has(3) || has(4) || has(5)) phases |= phase.responseHead;
  if (has(4) && settings.responseBodyAccess) phases |= phase.responseBody | phase.buffersResponse;
  return phases;
}
