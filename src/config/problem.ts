/** One thing that is wrong with a configuration: where it stands, what it is, and what to do about it. */

export type ConfigProblem = {
  /** Dotted, for example `edge.listeners[0].tls.certificates[0].cert`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** Counted from 1; null for what does not stand in the file (environment, defaults). */
  readonly line: number | null;
  readonly column: number | null;
  readonly fix?: string;
};

/** `weir.yaml:12:5 edge.workers: must be … (fix)` — one line for a terminal or a log. */
export function formatProblem(problem: ConfigProblem, file: string | null): string {
  const place =
    problem.line === null ? '' : `${file ?? 'defaults'}:${problem.line}:${problem.column ?? 1} `;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  const fix = problem.fix === undefined ? '' : ` (${problem.fix})`;
  return `${place}${path}${problem.message}${fix}`;
}

/** In the order of the file; what has no line comes last, in the order it was found. */
export function sortProblems(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const rank = (problem: ConfigProblem): number => problem.line ?? Number.MAX_SAFE_INTEGER;
  return problems.toSorted((a, b) => rank(a) - rank(b) || (a.column ?? 0) - (b.column ?? 0));
}

/** One problem at a configuration path; `fix` may be left out. */
export type Say = (path: string, message: string, fix?: string) => void;
