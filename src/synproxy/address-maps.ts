/**
 * The tables of single addresses as the maps of the packet program: how large their arrays are made, what the program
 * is told of them, and their memory in this process.
 */
import { randomBytes } from 'node:crypto';
import { AddressTable, bucketSlots, bucketsFor, type TableMemory } from './address-table.ts';
import type { MapDefinition } from './btf.ts';
import type { ShieldConfigMap } from './config-map.ts';
import type { KernelMap, MapName, ShieldLayout } from './kernel-map.ts';
import { mapShared } from './mapped-memory.ts';

const tables = [
  { name: 'exact4', tags: 'tags4', keyBytes: 4 },
  { name: 'exact6', tags: 'tags6', keyBytes: 16 },
] as const;

type Sizes = Readonly<Partial<Record<MapName, number>>>;

/** The sizes of the arrays, for tables of so many addresses. */
export function addressMapSizes(sizes: Sizes): Sizes {
  const made: Partial<Record<MapName, number>> = {};
  for (const { name, tags } of tables) {
    const entries = sizes[name];
    if (entries === undefined) continue;
    made[tags] = bucketsFor(entries);
    made[name] = bucketsFor(entries) * bucketSlots;
  }
  return { ...sizes, ...made };
}

/** Of tables that were just made: how large they are, and by what nobody can foresee addresses are spread. */
export function describeAddressMaps(
  config: ShieldConfigMap,
  sizes: Sizes,
  made: readonly MapDefinition[],
): void {
  const fields: Record<string, number> = {};
  for (const { name, tags } of tables) {
    const buckets = sizeOf(made, tags);
    fields[`${name}_buckets`] = buckets;
    fields[`${name}_entries`] = sizes[name] ?? buckets;
  }
  config.change(fields);
  config.fill('hash_seed', randomBytes(config.field('hash_seed').room));
}

/** Instead of the arrays, tables of addresses. */
export function addressTables(
  maps: Readonly<Record<'exact4' | 'exact6' | 'tags4' | 'tags6', KernelMap>>,
  layout: ShieldLayout,
  config: ShieldConfigMap,
): Record<'exact4' | 'exact6', KernelMap> {
  const [four, six] = tables.map(({ name, tags, keyBytes }) => {
    const slots = maps[name];
    const terms = {
      name,
      keyBytes,
      valueBytes: layout.struct('list_entry').bytes,
      entriesMax: Number(config.get(`${name}_entries`)),
      fd: slots.fd,
    };
    return new AddressTable(terms, () => openTable(slots, maps[tags], layout, config));
  });
  return { exact4: four as AddressTable, exact6: six as AddressTable };
}

function openTable(
  slots: KernelMap,
  tags: KernelMap,
  layout: ShieldLayout,
  config: ShieldConfigMap,
): TableMemory {
  const map = ({ fd, name, entriesMax, valueBytes }: KernelMap) =>
    mapShared(fd, entriesMax * valueBytes, { for: 'write', name: `map ${name}` });
  const seed = config.bytes('hash_seed');
  return {
    tags: new Int32Array(map(tags)),
    slots: new Uint8Array(map(slots)),
    slotBytes: slots.valueBytes,
    addressAt:
      slots.valueBytes === layout.struct('list_entry').bytes
        ? null
        : layout.struct('entry6').field('address').offset,
    seed: new Uint32Array(seed.buffer.slice(seed.byteOffset, seed.byteOffset + seed.length)),
  };
}

function sizeOf(definitions: readonly MapDefinition[], name: string): number {
  return definitions.find((one) => one.name === name)?.entriesMax ?? 0;
}
