/** The shield's maps in memory, with a layout as bpf/shield.h has it. */
import assert from 'node:assert/strict';
import type { MapName, ShieldLayout, StructLayout } from '../../src/synproxy/kernel-map.ts';
import { MemoryKernelMap, type MemoryMapKind } from './memory-kernel-map.ts';

function struct(fields: Record<string, readonly [bytes: number, count?: number]>): StructLayout {
  const at = new Map<string, { offset: number; bytes: number; count: number }>();
  let offset = 0;
  for (const [name, [bytes, count = 1]] of Object.entries(fields)) {
    offset = Math.ceil(offset / bytes) * bytes;
    at.set(name, { offset, bytes, count });
    offset += bytes * count;
  }
  const widest = Math.max(...Object.values(fields).map(([bytes]) => bytes));
  return {
    bytes: Math.ceil(offset / widest) * widest,
    fieldNames: [...at.keys()],
    field(name) {
      const field = at.get(name);
      assert.ok(field !== undefined, `no field ${name}`);
      return field;
    },
  };
}

const structs: Readonly<Record<string, StructLayout>> = {
  list_entry: struct({ hits: [8], last_ns: [8], action: [4], reserved: [4] }),
  rule_bits: struct({ w: [8, 4] }),
  counter: struct({ packets: [8], bytes: [8] }),
  flow_key4: struct({
    ...{ source: [1, 4], destination: [1, 4], source_port: [2], destination_port: [2] },
    ...{ protocol: [1], reserved: [1, 3] },
  }),
  flow_key6: struct({
    ...{ source: [1, 16], destination: [1, 16], source_port: [2], destination_port: [2] },
    ...{ protocol: [1], reserved: [1, 3] },
  }),
  flow: struct({ seen: [4], verdict: [4], id: [8] }),
  event: struct({
    time_ns: [8],
    interface_index: [4],
    length: [4],
    weight: [4],
    verdict: [1],
    family: [1],
    protocol: [1],
    tcp_flags: [1],
    source_port: [2],
    destination_port: [2],
    rule: [2],
    reserved: [2],
    source: [1, 16],
    destination: [1, 16],
  }),
};

const enumerations: Readonly<Record<string, Record<string, number>>> = {
  list_action: { drop: 0, monitor: 1, allow: 2 },
  rule_action: { pass: 0, drop: 1, inspect: 2 },
  flow_verdict: { open: 0, pass: 1, drop: 2 },
  protocol_class: { tcp: 0, udp: 1, icmp: 2, other: 3 },
  verdict: { pass: 0, allowed: 1, syn_ack: 6, drop_exact: 10, drop_prefix: 11, monitored: 24 },
};

export const memoryLayout: ShieldLayout = {
  struct(name) {
    const found = structs[name];
    assert.ok(found !== undefined, `no struct ${name}`);
    return found;
  },
  enumeration(name) {
    const found = enumerations[name];
    assert.ok(found !== undefined, `no enum ${name}`);
    return new Map(Object.entries(found));
  },
};

type Shape = readonly [kind: MemoryMapKind, key: number, value: number, entries: number];

const shapes = {
  stats: ['array', 4, 16, 128],
  allow4: ['lpm', 12, 24, 65_536],
  allow6: ['lpm', 20, 24, 65_536],
  exact4: ['hash', 4, 24, 1_000_000],
  exact6: ['hash', 16, 24, 1_000_000],
  prefix4: ['lpm', 12, 24, 65_536],
  prefix6: ['lpm', 20, 24, 65_536],
  rule_src4: ['lpm', 12, 32, 1_024],
  rule_dst4: ['lpm', 12, 32, 1_024],
  rule_src6: ['lpm', 24, 32, 1_024],
  rule_dst6: ['lpm', 24, 32, 1_024],
  rule_port: ['array', 4, 32, 131_072],
  rule_proto: ['array', 4, 32, 512],
  rule_action: ['array', 4, 4, 512],
  rule_hits: ['array', 4, 16, 512],
  flows4: ['lru', 16, 16, 1_000],
  flows6: ['lru', 40, 16, 1_000],
} as const satisfies Partial<Record<MapName, Shape>>;

export type MemoryMapName = keyof typeof shapes;

/** Per-CPU maps have two CPUs; `entries` makes one smaller. */
export function memoryMap(name: MemoryMapName, entries?: number): MemoryKernelMap {
  const [kind, keyBytes, valueBytes, entriesMax] = shapes[name];
  const cpus = name === 'stats' || name === 'rule_hits' ? 2 : 1;
  return new MemoryKernelMap(name, {
    kind,
    keyBytes,
    valueBytes,
    entriesMax: entries ?? entriesMax,
    cpus,
  });
}

export function memoryMaps<const Name extends MemoryMapName>(
  names: readonly Name[],
  entries: Partial<Record<Name, number>> = {},
): Record<Name, MemoryKernelMap> {
  const made = names.map((name) => [name, memoryMap(name, entries[name])] as const);
  return Object.fromEntries(made) as Record<Name, MemoryKernelMap>;
}
