/** Walks over the sections of a module: where each lies, none twice, in the order of the specification. */
import { BinaryReader } from './binary-reader.ts';
import { damaged, MeterFault } from './meter-fault.ts';

export type Section = {
  readonly id: number;
  /** Of the content, behind identifier and length. */
  readonly start: number;
  readonly end: number;
};

export const section = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** The order in a module is the order of the numbers, save that the data count comes before the code. */
export const sectionOrder: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];

const customSectionsMax = 1_000;
const magic = [0x00, 0x61, 0x73, 0x6d];
const version = [0x01, 0x00, 0x00, 0x00];
export const headerBytes = 8;

/** In the order of the bytes, custom sections among them. */
export function readSections(bytes: Uint8Array): readonly Section[] {
  if (bytes.length === 0) throw damaged('is empty', 0);
  if (!startsWith(bytes, magic, 0))
    throw new MeterFault('is no WebAssembly: it does not begin with \\0asm', 0);
  if (!startsWith(bytes, version, 4))
    throw new MeterFault(
      'is no WebAssembly module of version 1: a component has to be loaded as its core module',
      4,
    );
  const reader = new BinaryReader(bytes, headerBytes, bytes.length);
  const sections: Section[] = [];
  let rank = -1;
  let customSections = 0;
  while (!reader.isAtEnd) {
    const at = reader.at;
    const id = reader.byte();
    const length = reader.u32();
    const start = reader.at;
    if (length > bytes.length - start)
      throw new MeterFault(
        `section ${id} announces ${length} bytes, ${bytes.length - start} are there: the file is cut short, copy or build it anew`,
        at,
      );
    reader.skip(length);
    if (id === section.custom) {
      if (++customSections > customSectionsMax)
        throw new MeterFault(`has more than ${customSectionsMax} custom sections: strip it`, at);
    } else {
      const own = rankOf(id, at);
      if (own <= rank) throw damaged(`section ${id} is repeated or out of order`, at);
      rank = own;
    }
    sections.push({ id, start, end: start + length });
  }
  return sections;
}

function rankOf(id: number, at: number): number {
  const rank = sectionOrder.indexOf(id);
  if (rank >= 0) return rank;
  if (id === section.tag)
    throw new MeterFault('declares exceptions (tag section): build without exception handling', at);
  throw damaged(`has a section with the unknown number ${id}`, at);
}

function startsWith(bytes: Uint8Array, wanted: readonly number[], at: number): boolean {
  return wanted.every((byte, index) => bytes[at + index] === byte);
}
