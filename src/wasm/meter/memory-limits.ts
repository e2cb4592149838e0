/** Sizes of memories and tables: read from the module, refused beyond the caps, cut down to them. */
import type { BinaryReader } from './binary-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { MeterFault } from './meter-fault.ts';
import { isReferenceType, unknownType } from './value-types.ts';

export type Limits = {
  /** The type of a table's elements; 0 for a memory. */
  readonly type: number;
  readonly initial: number;
  /** Null when the module sets none. */
  readonly maximum: number | null;
};

export const tablesMax = 16;
export const tableElementsMax = 10_000;

const hasMaximum = 1;

export function readMemory(reader: BinaryReader): Limits | null {
  const at = reader.at;
  const count = reader.u32();
  if (count > 1) throw new MeterFault(`has ${count} memories: exactly one is allowed`, at);
  return count === 0 ? null : readLimits(reader, 'memory', 0);
}

export function readTables(reader: BinaryReader): Limits[] {
  const at = reader.at;
  const count = reader.u32();
  if (count > tablesMax)
    throw new MeterFault(`has ${count} tables: at most ${tablesMax} are allowed`, at);
  const tables: Limits[] = [];
  for (let i = 0; i < count; i++) {
    const start = reader.at;
    const type = reader.byte();
    if (type === 0x40)
      throw new MeterFault('has a table with an initialiser: build without GC', start);
    if (!isReferenceType(type)) throw unknownType(type, start);
    const table = readLimits(reader, 'table', type);
    if (table.initial > tableElementsMax)
      throw new MeterFault(
        `has a table of ${table.initial} elements: at most ${tableElementsMax} are allowed`,
        start,
      );
    tables.push(table);
  }
  return tables;
}

function readLimits(reader: BinaryReader, what: string, type: number): Limits {
  const at = reader.at;
  const flags = reader.byte();
  if ((flags & 2) !== 0) throw new MeterFault(`has a shared ${what}: build without threads`, at);
  if ((flags & 4) !== 0) throw new MeterFault(`has a 64-bit ${what}: build for wasm32`, at);
  if (flags > 7) throw new MeterFault(`has a ${what} with unknown flags ${flags}`, at);
  const initial = reader.u32();
  return { type, initial, maximum: (flags & hasMaximum) === 0 ? null : reader.u32() };
}

/** Of the memory as it will be. Refuses one that begins beyond the cap. */
export function cappedMemory(
  memory: Limits,
  pagesMax: number,
): Limits & { readonly maximum: number } {
  if (memory.initial > pagesMax)
    throw new MeterFault(
      `begins with a memory of ${memory.initial} pages: at most ${pagesMax} are allowed (memoryPagesMax); build with a smaller initial memory`,
    );
  return { ...memory, maximum: Math.min(memory.maximum ?? pagesMax, pagesMax) };
}

export function cappedTable(table: Limits): Limits & { readonly maximum: number } {
  return { ...table, maximum: Math.min(table.maximum ?? tableElementsMax, tableElementsMax) };
}

export function writeLimits(out: ByteWriter, limits: Limits & { readonly maximum: number }): void {
  if (limits.type !== 0) out.byte(limits.type);
  out.byte(hasMaximum);
  out.u32(limits.initial);
  out.u32(limits.maximum);
}
