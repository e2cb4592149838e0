/** What the packet program has counted, by verdict and protocol class, over all CPUs. */
import type { KernelMap, ShieldLayout } from './kernel-map.ts';
import { readU64, viewOf } from './list-entry.ts';

export type VerdictCount = {
  readonly verdict: string;
  readonly protocol: string;
  readonly packets: number;
  readonly bytes: number;
};

/** Those that happened, in the order of `enum verdict`. */
export function readCounters(stats: KernelMap, layout: ShieldLayout): VerdictCount[] {
  const counter = layout.struct('counter');
  const packetsAt = counter.field('packets').offset;
  const bytesAt = counter.field('bytes').offset;
  const classes = [...layout.enumeration('protocol_class')];
  const key = new Uint8Array(new ArrayBuffer(128), 0, 4);
  const stride = Math.ceil(stats.valueBytes / 8) * 8;
  const value = new Uint8Array(
    new ArrayBuffer(Math.max(128, stride * stats.valuesPerEntry)),
    0,
    stride * stats.valuesPerEntry,
  );
  const found: VerdictCount[] = [];
  for (const [verdict, number] of layout.enumeration('verdict')) {
    for (const [protocol, index] of classes) {
      viewOf(key).setUint32(0, number * classes.length + index, true);
      if (!stats.lookup(key, value)) continue;
      let packets = 0;
      let bytes = 0;
      for (let cpu = 0; cpu < stats.valuesPerEntry; cpu++) {
        packets += readU64(viewOf(value), cpu * stride + packetsAt);
        bytes += readU64(viewOf(value), cpu * stride + bytesAt);
      }
      if (packets > 0) found.push({ verdict, protocol, packets, bytes });
    }
  }
  return found;
}

/** What found no room, by its name in `enum lost`. */
export function readLost(lost: KernelMap, layout: ShieldLayout): Readonly<Record<string, number>> {
  const key = new Uint8Array(new ArrayBuffer(128), 0, 4);
  const value = new Uint8Array(new ArrayBuffer(Math.max(128, 8 * lost.valuesPerEntry)));
  const found: Record<string, number> = {};
  for (const [name, number] of layout.enumeration('lost')) {
    viewOf(key).setUint32(0, number, true);
    let sum = 0;
    if (lost.lookup(key, value))
      for (let cpu = 0; cpu < lost.valuesPerEntry; cpu++) sum += readU64(viewOf(value), cpu * 8);
    found[name] = sum;
  }
  return found;
}
