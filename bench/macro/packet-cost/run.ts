/**
 * Question: what does a packet cost by who deals with it, from the wire to its end?
 *
 *     node bench/macro/packet-cost/run.ts [--seconds 2] [--rounds 3] [--out bench/results/packet-cost.md]
 *
 * A program sends SYNs from random sources over a veth (`bpf/generate.bpf.c`), and what receives them runs on
 * the same core in between, so the CPU time a packet takes the sender is what it costs both. The floor is a program
 * that drops at its first instruction. Rounds go over all receivers, the fastest of each counts. What a blocked
 * connection costs that was accepted first is the CPU time of the edge's worker. Needs root and nft.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { AttachedTerms } from '../../../test/support/attached-shield.ts';
import type { ClientReport } from '../../../test/support/flood-client.ts';
import { NamespacePair } from '../../../test/support/network-namespace.ts';
import type { FloodReport } from '../../../test/support/syn-flood.ts';
import { WiredNode } from '../../../test/support/wired-node.ts';
import { machine } from '../../support/results.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
});
const support = join(import.meta.dirname, '../../../test/support');
const port = 8_080;
const sources = '198.18.0.0/15';
const lines: string[] = [];
const say = (line = ''): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};

type Receiver = {
  readonly name: string;
  /** A program of two instructions, or Weir's with these terms. */
  readonly program: 'pass' | 'drop' | Omit<AttachedTerms, 'device'>;
  readonly nft?: string;
  readonly syncookies?: string;
  readonly listens?: boolean;
};

const drop = (mode: 'native' | 'generic'): Omit<AttachedTerms, 'device'> => ({
  mode,
  flags: ['exact', 'prefix'],
  protect: [],
  drop: [sources],
});
const cookie = (mode: 'native' | 'generic'): Omit<AttachedTerms, 'device'> => ({
  mode,
  flags: ['cookies', 'tcp_sanity', 'timestamps', 'sack', 'window_scale'],
  protect: [port],
  config: { mss4: 1_460, mss6: 1_440, window: 64_240, ttl: 64, window_scale: 10 },
});
const chain = (hook: string) =>
  `table inet weir_bench { set s { type ipv4_addr; flags interval; elements = { ${sources} } }; chain c { type filter hook ${hook}; ip saddr @s drop; }; }`;

const receivers: readonly Receiver[] = [
  { name: 'dropped at the first instruction (the floor)', program: 'drop' },
  { name: 'Weir: dropped by range, native', program: drop('native') },
  { name: 'Weir: dropped by range, generic', program: drop('generic') },
  {
    name: 'nftables: set with the range, prerouting at -300',
    program: 'pass',
    nft: chain('prerouting priority -300'),
  },
  { name: 'nftables: the same, input', program: 'pass', nft: chain('input priority 0') },
  {
    name: 'Weir: SYN answered with a cookie, native',
    program: cookie('native'),
    syncookies: '2',
    listens: true,
  },
  {
    name: 'Weir: SYN answered with a cookie, generic',
    program: cookie('generic'),
    syncookies: '2',
    listens: true,
  },
  { name: "the kernel's own cookie", program: 'pass', syncookies: '2', listens: true },
  {
    name: 'no cookie, queue of half-open connections full',
    program: 'pass',
    syncookies: '0',
    listens: true,
  },
  { name: 'RST of a closed port', program: 'pass' },
];

/** ns a packet. */
async function measure({ program, nft, syncookies, listens }: Receiver): Promise<number> {
  await using pair = new NamespacePair({
    'net.ipv4.tcp_syncookies': syncookies ?? '1',
    'net.ipv4.tcp_timestamps': '2',
  });
  const script = (name: string): string => join(support, name);
  const node = (side: 'client' | 'server', ...words: string[]) =>
    pair.start(side, process.execPath, ...words);
  // What comes back ends here, whoever answered.
  await node('client', script('attached-verdict.ts'), pair.device('client'), 'drop').next();
  if (listens === true) await node('server', script('namespace-server.ts'), `${port}`, '1').next();
  const device = pair.device('server');
  const attached =
    typeof program === 'string'
      ? node('server', script('attached-verdict.ts'), device, program)
      : node('server', script('attached-shield.ts'), JSON.stringify({ ...program, device }));
  await attached.next();
  if (typeof program === 'object' && program.mode === 'generic')
    pair.run('server', 'ethtool', '-K', device, 'gro', 'on');
  if (nft !== undefined) pair.run('server', 'nft', nft);
  // The neighbour is known, so that answers find their way.
  const clientMac = pair.run('client', 'cat', `/sys/class/net/${pair.device('client')}/address`);
  pair.run(
    'server',
    'ip',
    'neigh',
    'replace',
    '10.77.0.1',
    'lladdr',
    clientMac.trim(),
    'dev',
    device,
  );
  const mac = pair.run('server', 'cat', `/sys/class/net/${device}/address`).trim();
  const terms = { device: pair.device('client'), to: '10.77.0.2', mac, port, perSecond: 0 };
  const flood = pair.start(
    'client',
    'taskset',
    '-c',
    '0',
    process.execPath,
    script('syn-flood.ts'),
    JSON.stringify(terms),
  );
  await flood.next();
  await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1_000));
  const { cpuNs, sent } = (await flood.finish()) as FloodReport;
  if (typeof program === 'object') {
    const counts = (await attached.ask('counts')) as Record<string, number>;
    const wanted = program.flags.includes('cookies') ? 'syn_ack' : 'drop_prefix';
    // What found no room on the wire cost nobody anything.
    const share = (counts[wanted] ?? 0) / sent;
    if (share < 0.95)
      throw new Error(`${Math.round(share * 100)} % arrived: ${JSON.stringify(counts)}`);
  }
  return cpuNs;
}

/** µs of CPU time of the worker for a connection of a blocked address, and how many were there a second. */
async function acceptAndClose(): Promise<{ us: number; perSecond: number }> {
  await using edge = await WiredNode.running(
    `edge: { workers: 1, listeners: [{ address: "0.0.0.0:${port}", plaintext: true }], limits: { connectionsPerSecondMax: 1000000 } }
kernel: { xdp: off, nftables: off }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: $STATE
`,
  );
  const { pair } = edge;
  edge.weir('block', 'add', '10.77.0.1');
  const pid = edge.status().workers[0]?.pid ?? 0;
  const client = pair.start(
    'client',
    'taskset',
    '-c',
    '0',
    process.execPath,
    join(support, 'flood-client.ts'),
    JSON.stringify({ hosts: ['10.77.0.2'], port, clients: 32, timeoutMs: 3_000 }),
  );
  await client.next();
  const before = cpuUs(pid);
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 2_000));
  const report = (await client.finish()) as ClientReport;
  const closed = Object.values(report.failed).reduce((sum, count) => sum + count, 0);
  if (report.answered > 0) throw new Error(`${report.answered} were answered`);
  const us = (cpuUs(pid) - before) / closed;
  return { us, perSecond: closed / ((performance.now() - startedAt) / 1_000) };
}

/** Of all its threads: what the scheduler counted (`/proc/PID/schedstat` is the main thread alone). */
function cpuUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const best = receivers.map(() => Number.POSITIVE_INFINITY);
for (let round = 0; round < Number(values.rounds); round++)
  for (const [index, receiver] of receivers.entries())
    best[index] = Math.min(best[index] ?? 0, await measure(receiver));
const floor = best[0] ?? 0;
say('# What a packet costs');
say();
say(
  `\`node bench/macro/packet-cost/run.ts\`, ${new Date().toISOString().slice(0, 10)}, ${machine}.`,
);
say();
say('| who deals with it | ns, sender and wire included | ns above the floor |');
say('| --- | --- | --- |');
for (const [index, { name }] of receivers.entries()) {
  const ns = best[index] ?? 0;
  say(`| ${name} | ${Math.round(ns)} | ${index === 0 ? '' : Math.round(ns - floor)} |`);
}
const accepted = await acceptAndClose();
say();
say(
  `A blocked address whose connections are accepted and closed costs the worker ${accepted.us.toFixed(0)} µs of CPU time a connection (${Math.round(accepted.perSecond).toLocaleString('en')} a second came).`,
);
if (values.out !== undefined) writeFileSync(values.out, `${lines.join('\n')}\n`);
process.exit(0);
