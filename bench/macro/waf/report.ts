/** What a run says of one request: a table of the candidates, and the ratios that were asked for. */
import { median, spread } from '../../support/statistics.ts';

export type Row = {
  readonly request: string;
  readonly candidate: string;
  readonly round: number;
  readonly isRefused: boolean;
  readonly requestsPerSecond: number;
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

export type Roles = {
  readonly bareNginx: string;
  readonly modSecurity: string;
  readonly bareEdge: string;
  readonly edges: readonly string[];
};

export function levelSection(request: string, all: readonly Row[], roles: Roles): string {
  const rows = all.filter((row) => row.request === request);
  const names = [...new Set(rows.map(({ candidate }) => candidate))];
  let text = `\n### ${request}\n\n| candidate | answer | req/s | p50 ms | p99 ms | CPU µs/req |\n|---|---|---|---|---|---|\n`;
  for (const name of names) {
    const own = rows.filter(({ candidate }) => candidate === name);
    const rates = own.map(({ requestsPerSecond }) => requestsPerSecond);
    const costs = own.map(({ cpuUs }) => cpuUs);
    text += `| ${name} | ${own[0]?.isRefused === true ? 403 : 200} | ${median(rates).toFixed(0)} (${spread(rates)}) | ${median(own.map(({ p50Ms }) => p50Ms)).toFixed(2)} | ${median(own.map(({ p99Ms }) => p99Ms)).toFixed(2)} | ${median(costs).toFixed(1)} (${spread(costs)}) |\n`;
  }
  text += '\n| of rounds | median | least and most |\n|---|---|---|\n';
  const line = (label: string, each: readonly number[]): string =>
    each.length === 0
      ? ''
      : `| ${label} | ${median(each).toFixed(2)} | ${Math.min(...each).toFixed(2)}–${Math.max(...each).toFixed(2)} |\n`;
  for (const edge of roles.edges) {
    const pairs = (over: string, figure: (a: Row, b: Row) => number): number[] =>
      byRound(rows, edge, over).map(([a, b]) => figure(a, b));
    const rate = (a: Row, b: Row): number => a.requestsPerSecond / b.requestsPerSecond;
    text += line(`req/s, ${edge} ÷ ${roles.modSecurity}`, pairs(roles.modSecurity, rate));
    text += line(
      `CPU a request, ${roles.modSecurity} ÷ ${edge}`,
      pairs(roles.modSecurity, (a, b) => b.cpuUs / a.cpuUs),
    );
    text += line(
      `CPU a request, ${roles.bareNginx} ÷ ${edge}`,
      pairs(roles.bareNginx, (a, b) => b.cpuUs / a.cpuUs),
    );
    text += line(`req/s, ${edge} ÷ ${roles.bareNginx}`, pairs(roles.bareNginx, rate));
    text += line(
      `CPU µs that ${edge} adds to ${roles.bareEdge}`,
      pairs(roles.bareEdge, (a, b) => a.cpuUs - b.cpuUs),
    );
  }
  return text;
}

/** Rows of two candidates that stand side by side in a round. */
function byRound(rows: readonly Row[], left: string, right: string): (readonly [Row, Row])[] {
  return rows
    .filter(({ candidate }) => candidate === left)
    .flatMap((a) => {
      const b = rows.find(({ candidate, round }) => candidate === right && round === a.round);
      return b === undefined ? [] : [[a, b] as const];
    });
}
