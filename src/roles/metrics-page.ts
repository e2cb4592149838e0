/** `docs/reference/metrics.md`: every metric a node emits, from the objects that count. */
import { orchestratorFamilies } from '#orchestrator/orchestrator-metrics.ts';
import type { MetricFamily } from '#telemetry/metrics.ts';
import { nodeRegistry } from './node-metrics.ts';

export function metricsPage(): string {
  return `# Metrics

\`GET /metrics\` on the management address, with the token, in the Prometheus text format 0.0.4. Values are
sums over all workers since the node started; a worker that has ended still counts. Label values come from
code and configuration only, so the number of series is bounded. This page is generated.

| name | type | meaning |
| --- | --- | --- |
${rowsOf(nodeRegistry().registry.families)}

## Of an orchestrator

\`GET /metrics\` on its API, with a token of the role \`read\`.

| name | type | meaning |
| --- | --- | --- |
${rowsOf(Object.values(orchestratorFamilies))}
`;
}

function rowsOf(families: readonly MetricFamily[]): string {
  return families.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`).join('\n');
}
