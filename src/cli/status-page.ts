/**
 * The page `weir status` prints: what is not well first, then what clients and servers see of the node,
 * then the node itself. It fits 100 columns where names and addresses do; `--json` has every detail.
 */
import type { ListenerStatus, NodeStatus } from '#admin/control.ts';
import { certificateRow } from '#cli/certificate-words.ts';
import { formatDuration, formatTime } from '#cli/duration.ts';
import { fleetRows } from '#cli/fleet-rows.ts';
import { partRows } from '#cli/part-rows.ts';
import { type Cell, type Printer, printable, type Style } from '#cli/printer.ts';
import { upstreamRows } from '#cli/upstream-rows.ts';
import { counted, shortHash, thousands, wrapped } from '#cli/words.ts';

const columnsMax = 100;

type Rows = readonly (readonly Cell[])[];

export function statusPage(status: NodeStatus, print: Printer): string {
  const head = [
    print.paint('bold', `weir ${printable(status.version)}`),
    print.paint(stateStyle(status.state), status.state),
    `up ${formatDuration(status.uptimeSeconds)}`,
    print.paint('dim', `pid ${status.pid}, node ${printable(status.nodeVersion)}`),
  ].join('  ');
  const sections: readonly (readonly [string, Rows])[] = [
    ['requests', [[requestsText(status)]]],
    ['listeners', status.listeners.map(listenerRow)],
    ['upstreams', upstreamRows(status.upstreams)],
    ...(status.certificates.length === 0
      ? []
      : [['certificates', status.certificates.map(certificateRow)] as const]),
    ['modules', moduleRows(status)],
    ['blocks', [[blocksText(status.blocks)]]],
    ['rules', rulesRows(status)],
    ...(status.fleet === null ? [] : [['fleet', fleetRows(status.fleet)] as const]),
    ['shield', shieldRows(status)],
    ...partRows(status.parts),
    ['workers', workerRows(status)],
    ['config', [configRow(status)]],
    ['management', [[status.admin.address]]],
  ];
  const labelWidth = Math.max(...sections.map(([label]) => label.length)) + 2;
  return [
    head,
    '',
    labelled('degraded', degradedLines(status, columnsMax - labelWidth, print), labelWidth, print),
    ...sections.map(([label, rows]) =>
      labelled(
        label,
        print.columns(rows.length === 0 ? [['none']] : rows).split('\n'),
        labelWidth,
        print,
      ),
    ),
  ].join('\n');
}

function labelled(label: string, lines: readonly string[], width: number, print: Printer): string {
  const first = print.paint('dim', label.padEnd(width));
  return lines.map((line, index) => `${index === 0 ? first : ' '.repeat(width)}${line}`).join('\n');
}

function listenerRow(listener: ListenerStatus): readonly Cell[] {
  const { address, kind, protocols, upstream, clientCertificates, proxyProtocol } = listener;
  const further = [
    kind === 'redirect' ? 'to https' : '',
    upstream === null ? '' : `to ${upstream}`,
    clientCertificates === 'off' ? '' : `client certificates ${clientCertificates}`,
    proxyProtocol ? 'behind PROXY protocol' : '',
  ].filter((text) => text !== '');
  const spoken = protocols.map((protocol) => (protocol === 'http1' ? 'h1' : 'h2')).join(' ');
  return [address, kind, spoken, further.join(', ')];
}

function configRow({ config }: NodeStatus): readonly Cell[] {
  return [
    config.file ?? 'embedded defaults',
    `generation ${config.generation}`,
    shortHash(config.sha256),
    formatTime(config.loadedAt),
  ];
}

function rulesRows({ rules }: NodeStatus): Rows {
  const { count, version, kernel, problem } = rules;
  const set = `${thousands(count)} (version ${version})`;
  if (count === 0) return [[set]];
  return [
    kernel
      ? [`${set}, in force in the kernel`]
      : [set, { text: `NOT in force: ${problem ?? ''}`, style: 'red' }],
  ];
}

function shieldRows({ shield }: NodeStatus): Rows {
  const { step, refused, interfaces, counters } = shield;
  const where =
    step === 'accept'
      ? 'blocked addresses are refused as they connect'
      : `in the kernel on ${interfaces.join(', ')}`;
  const dropped = (counters?.verdicts ?? [])
    .filter(({ verdict }) => verdict.startsWith('drop_'))
    .reduce((sum, { packets }) => sum + packets, 0);
  return [
    [step, counters === null ? where : `${where}, ${counted(dropped, 'packet')} dropped`],
    ...(counters === null || counters.cookies === null
      ? []
      : [[`SYN cookies ${counters.cookies.mode}`, counters.cookies.notes.join('; ')]]),
    ...inspectionRows(shield),
    ...refused.map((one): readonly Cell[] => [`no ${one.step}`, one.reason]),
  ];
}

function inspectionRows({ counters }: NodeStatus['shield']): Rows {
  if (counters === null || counters.inspection === null) return [];
  const { module, isOff, packets, flows, failures } = counters.inspection;
  const seen = `${module}: ${counted(packets, 'packet')}, ${counted(flows.drop, 'flow')} dropped, ${thousands(flows.alert)} alerted`;
  const failed = failures === 0 ? '' : `, failed ${counted(failures, 'time')}`;
  return [['inspects', isOff ? { text: `${seen}${failed}, OFF`, style: 'red' } : seen + failed]];
}

/** One line for all, and one for each that is not as the others are. */
function workerRows({ workers, config }: NodeStatus): Rows {
  const ready = workers.filter(({ state }) => state === 'ready').length;
  const open = workers.reduce((sum, { openConnections }) => sum + (openConnections ?? 0), 0);
  const odd = workers.filter(
    ({ state, restarts, generation }) =>
      state !== 'ready' || restarts > 0 || generation !== config.generation,
  );
  return [
    [`${ready} of ${workers.length} ready, ${counted(open, 'connection')}`],
    ...odd.map((worker): readonly Cell[] => [
      [
        `#${worker.slot} ${worker.state}`,
        worker.pid === null ? 'no process' : `pid ${worker.pid}`,
        worker.generation === null || worker.generation === config.generation
          ? ''
          : `generation ${worker.generation}`,
        worker.restarts === 0 ? '' : counted(worker.restarts, 'restart'),
        worker.hangs === 0 ? '' : `${worker.hangs} of them hung`,
      ]
        .filter((text) => text !== '')
        .join(', '),
    ]),
  ];
}

function moduleRows({ modules }: NodeStatus): Rows {
  return modules.map((module) => [
    module.name,
    module.state === 'live'
      ? `version ${module.version}`
      : { text: `version ${module.version} off`, style: 'red' },
    shortHash(module.sha256),
    `on ${counted(module.routes, 'route')}`,
    `fails ${module.failure}`,
    [module.watch ? 'watched' : '', module.isAsConfigured ? '' : 'not what its source holds']
      .filter((text) => text !== '')
      .join(', '),
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

/** `part: reason`, folded; the part stands out. */
function degradedLines({ degraded }: NodeStatus, width: number, print: Printer): string[] {
  if (degraded.length === 0) return [print.paint('green', 'nothing')];
  return degraded.flatMap(({ part, reason }) => {
    const name = printable(part);
    const lines = wrapped(`${name}: ${printable(reason)}`, width, '  ');
    return lines.map((line, index) =>
      index === 0 && line.startsWith(name)
        ? `${print.paint('red', name)}${line.slice(name.length)}`
        : line,
    );
  });
}

function stateStyle(state: NodeStatus['state']): Style {
  return state === 'ready' ? 'green' : 'yellow';
}

function blocksText({ count, version, fleet }: NodeStatus['blocks']): string {
  const ofFleet = fleet === 0 ? '' : `, ${thousands(fleet)} of the fleet`;
  return `${thousands(count)} (version ${version}${ofFleet})`;
}
