/**
 * What a candidate does otherwise than the live rules: counts of all requests, examples of some.
 *
 * ```
 *                    candidate   passed      noted          stopped
 * live   passed                  same        newly noted    newly blocked
 *        noted                   no longer   same           newly blocked
 *        stopped                 newly passed ───────────►  same
 * same verdict, other rules: changed
 * ```
 */
import Type, { type Static } from 'typebox';
import type { SideRun, SideVerdict } from './rule-side.ts';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const amount = Type.Number({ minimum: 0 });

const change = Type.Enum([
  'newly-blocked',
  'newly-passed',
  'newly-noted',
  'no-longer-noted',
  'changed-rules',
] as const);
export type Change = Static<typeof change>;
export const changes = change.enum;

const verdict = Type.Object(
  {
    verdict: Type.Enum(['passed', 'noted', 'stopped'] as const),
    rule: Type.String(),
    reason: Type.String(),
    target: Type.String(),
    matched: Type.String(),
    rules: Type.Array(Type.String()),
    score: Type.Number(),
  },
  strict,
);

/** A request, without its secrets. */
export const requestLine = Type.Object(
  {
    id: Type.String(),
    at: Type.String(),
    client: Type.String(),
    method: Type.String(),
    host: Type.String(),
    target: Type.String(),
    route: Type.String(),
    /** That it was answered with, when it came. */
    status: count,
  },
  strict,
);
export type RequestLine = Static<typeof requestLine>;

const example = Type.Object(
  { change, request: requestLine, live: verdict, candidate: verdict },
  strict,
);
export type Example = Static<typeof example>;

const cost = Type.Object(
  {
    runs: count,
    meanMicroseconds: amount,
    p50Microseconds: amount,
    p99Microseconds: amount,
    meanFuel: amount,
  },
  strict,
);
export type Cost = Static<typeof cost>;

export const difference = Type.Object(
  {
    requests: count,
    /** Longer than the limits of one of the configurations: not compared. */
    unreadable: count,
    newlyBlocked: count,
    newlyPassed: count,
    newlyNoted: count,
    noLongerNoted: count,
    changedRules: count,
    stopped: Type.Object({ live: count, candidate: count }, strict),
    /** Of modules, by what failed. */
    failures: Type.Object({ live: count, candidate: count, last: Type.String() }, strict),
    /**
     * Rules on bodies of answers, and how many bodies these were shown, whole or the beginning of it, and how many they
     * were not, as no copy holds them.
     */
    answers: Type.Object(
      { live: count, candidate: count, shown: count, cut: count, missing: count },
      strict,
    ),
    /** Null where nothing ran. */
    cost: Type.Object(
      { live: Type.Union([cost, Type.Null()]), candidate: Type.Union([cost, Type.Null()]) },
      strict,
    ),
    examples: Type.Array(example),
  },
  strict,
);
export type Difference = Static<typeof difference>;

const field = {
  'newly-blocked': 'newlyBlocked',
  'newly-passed': 'newlyPassed',
  'newly-noted': 'newlyNoted',
  'no-longer-noted': 'noLongerNoted',
  'changed-rules': 'changedRules',
} as const satisfies Record<Change, keyof Difference>;

export function changeBetween(live: SideVerdict, candidate: SideVerdict): Change | null {
  if (live.verdict !== candidate.verdict) {
    if (candidate.verdict === 'stopped') return 'newly-blocked';
    if (live.verdict === 'stopped') return 'newly-passed';
    return candidate.verdict === 'noted' ? 'newly-noted' : 'no-longer-noted';
  }
  const isSame =
    live.rule === candidate.rule &&
    live.rules.length === candidate.rules.length &&
    live.rules.every((rule, index) => rule === candidate.rules[index]);
  return isSame ? null : 'changed-rules';
}

/** Adds up, in bounded room. */
export class DifferenceSum {
  readonly #examplesMax: number;
  readonly #counts = {
    newlyBlocked: 0,
    newlyPassed: 0,
    newlyNoted: 0,
    noLongerNoted: 0,
    changedRules: 0,
  };
  readonly #stopped = { live: 0, candidate: 0 };
  readonly #failures = { live: 0, candidate: 0, last: '' };
  readonly #times = { live: new Times(), candidate: new Times() };
  readonly #examples: Example[] = [];
  readonly #examplesOf = new Map<Change, number>();
  readonly #answers = { live: 0, candidate: 0, shown: 0, cut: 0, missing: 0 };
  #requests = 0;
  #unreadable = 0;

  /** `examplesMax` is of each kind of change. */
  constructor(examplesMax: number) {
    this.#examplesMax = examplesMax;
  }

  noteFailure(side: 'live' | 'candidate', message: string): void {
    this.#failures[side]++;
    this.#failures.last = message.slice(0, 500);
  }

  noteRulesOnAnswers(live: number, candidate: number): void {
    this.#answers.live = live;
    this.#answers.candidate = candidate;
  }

  add(line: () => RequestLine, live: SideRun | null, candidate: SideRun | null): void {
    this.#requests++;
    if (live === null || candidate === null) {
      this.#unreadable++;
      return;
    }
    if (live.verdict === 'stopped') this.#stopped.live++;
    if (candidate.verdict === 'stopped') this.#stopped.candidate++;
    const answer = candidate.answer ?? live.answer;
    if (answer !== null) this.#answers[answer]++;
    this.#times.live.add(live);
    this.#times.candidate.add(candidate);
    const found = changeBetween(live, candidate);
    if (found === null) return;
    this.#counts[field[found]]++;
    const known = this.#examplesOf.get(found) ?? 0;
    if (known >= this.#examplesMax) return;
    this.#examplesOf.set(found, known + 1);
    this.#examples.push({
      ...{ change: found, request: line() },
      ...{ live: shown(live), candidate: shown(candidate) },
    });
  }

  sum(): Difference {
    return {
      ...{ requests: this.#requests, unreadable: this.#unreadable, ...this.#counts },
      stopped: { ...this.#stopped },
      failures: { ...this.#failures },
      answers: { ...this.#answers },
      cost: { live: this.#times.live.cost(), candidate: this.#times.candidate.cost() },
      examples: [...this.#examples],
    };
  }
}

const shown = ({ verdict, rule, reason, target, matched, rules, score }: SideRun) => ({
  ...{ verdict, rule, reason, target, matched, score },
  rules: [...rules],
});

/** Of these most are kept one by one; beyond it every second, fourth … one. */
const timesMax = 32_768;

class Times {
  #kept: number[] = [];
  #every = 1;
  #runs = 0;
  #microseconds = 0;
  #fuel = 0;

  add({ microseconds, fuel }: SideRun): void {
    // Nothing ran on a route without rules.
    if (microseconds === 0) return;
    this.#runs++;
    this.#microseconds += microseconds;
    this.#fuel += fuel;
    if (this.#runs % this.#every !== 0) return;
    this.#kept.push(microseconds);
    if (this.#kept.length < timesMax) return;
    this.#every *= 2;
    this.#kept = this.#kept.filter((_, index) => index % 2 === 1);
  }

  cost(): Cost | null {
    if (this.#runs === 0) return null;
    const sorted = Float64Array.from(this.#kept).sort();
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      runs: this.#runs,
      meanMicroseconds: round(this.#microseconds / this.#runs),
      p50Microseconds: round(at(0.5)),
      p99Microseconds: round(at(0.99)),
      meanFuel: Math.round(this.#fuel / this.#runs),
    };
  }
}

const round = (value: number): number => Math.round(value * 10) / 10;
