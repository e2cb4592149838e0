/**
 * What the user side sees of the packet program: its maps, and the layout of what lies in them.
 *
 * The sources of both are `bpf/shield.h` and `bpf/maps.h`. Names, sizes, fields and enumerations are read
 * from the type information clang puts into the object (`btf.ts`), so there is no second copy that could
 * drift. Keys and values are bytes in the order of the machine; addresses and nothing else are in network
 * order.
 */

export const mapNames = [
  'config',
  'stats',
  'allow4',
  'allow6',
  'tags4',
  'tags6',
  'exact4',
  'exact6',
  'prefix4',
  'prefix6',
  'ports',
  'rule_src4',
  'rule_dst4',
  'rule_src6',
  'rule_dst6',
  'rule_port',
  'rule_proto',
  'rule_action',
  'rule_hits',
  'rate4',
  'rate6',
  'flows4',
  'flows6',
  'guard',
  'scratch',
  'events',
  'packets',
  'lost',
] as const;

export type MapName = (typeof mapNames)[number];

export interface KernelMap {
  readonly name: string;
  readonly keyBytes: number;
  /** Of one value; of one CPU's where the map is per CPU. */
  readonly valueBytes: number;
  readonly entriesMax: number;
  /** Values a lookup fills: 1, or the number of possible CPUs where the map is per CPU. */
  readonly valuesPerEntry: number;
  readonly fd: number;
  /** False where the key is absent. `value` holds `valueBytes` (rounded up to 8 where per CPU) × `valuesPerEntry`. */
  lookup(key: Uint8Array, value: Uint8Array): boolean;
  /** Throws KERNEL_MAP_FULL or KERNEL_CALL_FAILED. */
  update(key: Uint8Array, value: Uint8Array): void;
  /** False where the key was absent. */
  delete(key: Uint8Array): boolean;
  /** Keys and values one behind the other. What stands before the one that failed is in the map. */
  updateBatch(keys: Uint8Array, values: Uint8Array, count: number): void;
  /** Absent keys are no error. */
  deleteBatch(keys: Uint8Array, count: number): void;
  /** Key and value are only good until the next step. What changes meanwhile may be seen or not. */
  entries(): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
}

export type FieldLayout = {
  readonly offset: number;
  /** Of one element. */
  readonly bytes: number;
  /** Elements; 1 where the field is no array. */
  readonly count: number;
};

export type StructLayout = {
  readonly bytes: number;
  readonly fieldNames: readonly string[];
  /** Throws where there is none of that name: our own mistake. */
  field(name: string): FieldLayout;
};

export interface ShieldLayout {
  /** As `struct NAME` in bpf/shield.h. */
  struct(name: string): StructLayout;
  /** As `enum NAME`: `VERDICT_DROP_EXACT` of `enum verdict` is `drop_exact` here. */
  enumeration(name: string): ReadonlyMap<string, number>;
}

export type ShieldMaps = Readonly<Record<MapName, KernelMap>>;
