/** `docs/reference/metrics.md`: every metric a node emits, from the objects that count. */
import { nodeRegistry } from './node-metrics.ts';

export function metricsPage(): string {
  const rows = nodeRegistry().registry.families.map(
    ({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`,
  );
  return `# Metrics

\`GET /metrics\` on the management address, with the token, in the Prometheus text format 0.0.4. Values are
sums over all workers since the node started; a worker that has ended still counts. Label values come from
code and configuration only, so the number of series is bounded. This page is generated.

| name | type | meaning |
| --- | --- | --- |
${rows.join('\n')}
`;
}
