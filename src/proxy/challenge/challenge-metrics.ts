/** What becomes of challenges. Names are documented in `docs/reference/metrics.md`. */
import type { MetricRegistry, Series } from '#telemetry/metrics.ts';
import { tokenFaults } from './challenge-token.ts';

/** `difficulty`: a pass of less work than is asked now; `work`: a solution that solves nothing. */
export const challengeFaults = [...tokenFaults, 'difficulty', 'work'] as const;
export type ChallengeFault = (typeof challengeFaults)[number];

export class ChallengeMetrics {
  readonly issued: Readonly<Record<'page' | 'problem', Series>>;
  readonly solved: Series;
  readonly passed: Series;
  readonly passFailed: Readonly<Record<ChallengeFault, Series>>;
  readonly solutionFailed: Readonly<Record<ChallengeFault, Series>>;

  constructor(registry: MetricRegistry) {
    const issued = (as: 'page' | 'problem') =>
      registry.counter(
        'weir_challenges_issued_total',
        'Requests answered by a challenge: a page for browsers, a problem for programs.',
        { as },
      );
    this.issued = { page: issued('page'), problem: issued('problem') };
    this.solved = registry.counter(
      'weir_challenges_solved_total',
      'Challenges solved, each answered by a pass.',
    );
    this.passed = registry.counter(
      'weir_challenges_passed_total',
      'Requests that a module challenged and that went on because they showed a pass.',
    );
    const failed = (what: 'pass' | 'solution') => {
      const series = (reason: ChallengeFault): Series =>
        registry.counter(
          'weir_challenges_failed_total',
          'Passes and solutions that did not count, by reason.',
          { what, reason },
        );
      return {
        malformed: series('malformed'),
        signature: series('signature'),
        expired: series('expired'),
        address: series('address'),
        host: series('host'),
        difficulty: series('difficulty'),
        work: series('work'),
      };
    };
    this.passFailed = failed('pass');
    this.solutionFailed = failed('solution');
  }
}
