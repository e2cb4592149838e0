/**
 * What is wrong with a rule file: where, what, and what to write instead.
 *
 * Parsers of parts throw a `RuleError` at the first thing they cannot read; the loader catches it where
 * a directive ends, keeps it and goes on, so that one run shows every directive that needs work.
 */
import { languageLimits } from './limits.ts';
import type { Position } from './rule-set.ts';

export type RuleProblem = {
  readonly position: Position;
  /** One sentence without its full stop. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
};

/** Something read that changes nothing, said once. */
export type RuleNote = { readonly position: Position; readonly message: string };

export class RuleError extends Error {
  readonly problem: RuleProblem;

  constructor(position: Position, message: string, fix: string) {
    super(message);
    this.name = 'RuleError';
    this.problem = { position, message, fix };
  }
}

/** As somebody reads them who goes through the files. */
export function inOrder(problems: readonly RuleProblem[], files: readonly string[]): RuleProblem[] {
  const order = new Map(files.map((file, index) => [file, index]));
  const rank = ({ position }: RuleProblem): number => order.get(position.file) ?? -1;
  return problems.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      a.position.line - b.position.line ||
      a.position.column - b.position.column,
  );
}

export class ProblemList {
  readonly problems: RuleProblem[] = [];
  /** Found after the list was full. */
  dropped = 0;

  add(problem: RuleProblem): void {
    if (this.problems.length < languageLimits.problemsMax) this.problems.push(problem);
    else this.dropped++;
  }

  /** Whether `read` ran to its end. */
  catching(read: () => void): boolean {
    try {
      read();
      return true;
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      this.add(error.problem);
      return false;
    }
  }
}
