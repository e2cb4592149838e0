/**
 * The kernel shield as metrics: what became of packets, what found no room, how much is in the lists, on which
 * step it stands.
 *
 * Label values are enumerators of bpf/shield.h and names of ours, so series are bounded. The numbers are those of
 * the packet program since it was loaded; while its process is started again, those of the last look.
 */
import type { ShieldStep } from '#admin/control.ts';
import { type MetricFamily, type MetricSamples, seriesKey } from '#telemetry/metrics.ts';
import type { Shield } from './shield.ts';
import type { ShieldCounters } from './shield-ipc.ts';

export const shieldFamilies = {
  packets: {
    name: 'weir_shield_packets_total',
    type: 'counter',
    help: 'Packets the packet program has seen, by verdict and protocol; monitored, inspected, cookie_unavailable and no_listener are counted beside another one.',
  },
  bytes: {
    name: 'weir_shield_bytes_total',
    type: 'counter',
    help: 'Bytes of these packets, as frames.',
  },
  lost: {
    name: 'weir_shield_lost_total',
    type: 'counter',
    help: 'What found no room: events and packets for user space, sources and flows to remember.',
  },
  entries: {
    name: 'weir_shield_list_entries',
    type: 'gauge',
    help: 'Entries in the lists of the kernel: single addresses, ranges, and ranges always let in.',
  },
  step: {
    name: 'weir_shield_step',
    type: 'gauge',
    help: '1 for where blocked addresses are kept out: in the driver, in the network stack, or as they connect.',
  },
  cookies: {
    name: 'weir_shield_syn_cookies',
    type: 'gauge',
    help: '1 for how the packet program answers SYNs with cookies.',
  },
  restarts: {
    name: 'weir_shield_restarts_total',
    type: 'counter',
    help: 'Times the process that has the kernel maps was started again.',
  },
} as const satisfies Record<string, MetricFamily>;

const steps: readonly ShieldStep[] = ['xdp-native', 'xdp-generic', 'nftables', 'accept'];
const cookieModes = ['on-demand', 'always', 'off'] as const;

export class ShieldMetrics {
  readonly #shield: Shield;
  #last: ShieldCounters | null = null;

  constructor(shield: Shield) {
    this.#shield = shield;
  }

  async samples(): Promise<MetricSamples> {
    const shield = this.#shield;
    const counters = (await shield.counters()) ?? this.#last;
    this.#last = counters;
    const samples = new Map<string, number>();
    const { packets, bytes, lost, entries, step, cookies, restarts } = shieldFamilies;
    for (const one of steps)
      samples.set(seriesKey(step.name, { step: one }), Number(one === shield.handover.step));
    samples.set(restarts.name, shield.restarts);
    if (counters === null) return samples;
    for (const one of counters.verdicts) {
      const labels = { verdict: one.verdict, protocol: one.protocol };
      samples.set(seriesKey(packets.name, labels), one.packets);
      samples.set(seriesKey(bytes.name, labels), one.bytes);
    }
    for (const [what, count] of Object.entries(counters.lost))
      samples.set(seriesKey(lost.name, { what }), count);
    samples.set(seriesKey(entries.name, { list: 'exact' }), counters.exact);
    samples.set(seriesKey(entries.name, { list: 'prefix' }), counters.prefixes);
    samples.set(seriesKey(entries.name, { list: 'allow' }), counters.allowed);
    if (counters.cookies !== null)
      for (const mode of cookieModes)
        samples.set(seriesKey(cookies.name, { mode }), Number(mode === counters.cookies?.mode));
    for (const [name, value] of counters.samples) samples.set(name, value);
    return samples;
  }
}
