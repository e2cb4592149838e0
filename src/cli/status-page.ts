/** The page `weir status` prints: what is not well stands last, nearest to the prompt. */
import type { NodeStatus } from '#admin/control.ts';
import { certificateRow } from '#cli/certificate-words.ts';
import { formatDuration, formatTime } from '#cli/duration.ts';
import { type Cell, type Printer, printable, type Style } from '#cli/printer.ts';
import { upstreamRows } from '#cli/upstream-rows.ts';
import { counted, shortHash, thousands } from '#cli/words.ts';

export function statusPage(status: NodeStatus, print: Printer): string {
  const head = [
    print.paint('bold', `weir ${printable(status.version)}`),
    print.paint(stateStyle(status.state), status.state),
    `up ${formatDuration(status.uptimeSeconds)}`,
    print.paint('dim', `pid ${status.pid}, node ${printable(status.nodeVersion)}`),
  ].join('  ');
  const sections: (readonly [string, readonly (readonly Cell[])[]])[] = [
    ['listeners', status.listeners.map(({ address, kind }) => [address, kind])],
    ['management', [[status.admin.address]]],
    ['config', [configRow(status)]],
    ['workers', workerRows(status)],
    ['modules', moduleRows(status)],
    ['upstreams', upstreamRows(status.upstreams)],
    ...(status.certificates.length === 0
      ? []
      : [['certificates', status.certificates.map(certificateRow)] as const]),
    ['blocks', [[`${thousands(status.blocks.count)} (version ${status.blocks.version})`]]],
    ['requests', [[requestsText(status)]]],
    ['degraded', degradedRows(status)],
  ];
  const labelWidth = Math.max(...sections.map(([label]) => label.length)) + 2;
  return [
    head,
    '',
    ...sections.map(([label, rows]) => section(label, rows, labelWidth, print)),
  ].join('\n');
}

function section(
  label: string,
  rows: readonly (readonly Cell[])[],
  width: number,
  print: Printer,
): string {
  const lines = print.columns(rows.length === 0 ? [['none']] : rows).split('\n');
  return lines
    .map(
      (line, index) =>
        `${index === 0 ? print.paint('dim', label.padEnd(width)) : ' '.repeat(width)}${line}`,
    )
    .join('\n');
}

function configRow({ config }: NodeStatus): readonly Cell[] {
  return [
    config.file ?? 'embedded defaults',
    `generation ${config.generation}`,
    shortHash(config.sha256),
    formatTime(config.loadedAt),
  ];
}

function workerRows({ workers }: NodeStatus): readonly (readonly Cell[])[] {
  return workers.map((worker) => [
    `#${worker.slot}`,
    { text: worker.state, style: stateStyle(worker.state) },
    worker.pid === null ? 'no process' : `pid ${worker.pid}`,
    worker.generation === null ? '' : `generation ${worker.generation}`,
    worker.openConnections === null ? '' : counted(worker.openConnections, 'connection'),
    worker.restarts === 0 ? '' : { text: counted(worker.restarts, 'restart'), style: 'yellow' },
  ]);
}

function moduleRows({ modules }: NodeStatus): readonly (readonly Cell[])[] {
  return modules.map((module) => [
    module.name,
    shortHash(module.sha256),
    `${thousands(module.bytes)} bytes`,
    `on ${counted(module.routes, 'route')}`,
    `fails ${module.failure}`,
    module.watch ? 'watched' : '',
  ]);
}

function requestsText({ requests }: NodeStatus): string {
  if (requests === null) return 'no worker has reported yet';
  return [
    `${thousands(requests.total)} in all`,
    `${thousands(requests.blocked)} blocked`,
    `${thousands(requests.monitored)} would be blocked (monitor)`,
    `${thousands(requests.upstreamErrors)} upstream errors`,
  ].join(', ');
}

function degradedRows({ degraded }: NodeStatus): readonly (readonly Cell[])[] {
  if (degraded.length === 0) return [[{ text: 'nothing', style: 'green' }]];
  return degraded.map(({ part, reason }) => [{ text: part, style: 'red' }, reason]);
}

function stateStyle(state: NodeStatus['state'] | NodeStatus['workers'][number]['state']): Style {
  if (state === 'ready') return 'green';
  return state === 'backoff' ? 'red' : 'yellow';
}
