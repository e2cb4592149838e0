/**
 * As much of ELF as clang writes for BPF: sections, symbols, relocations of a 64-bit little-endian
 * relocatable file. Everything is range-checked and counted; what is not so is refused.
 */
import { ByteView } from './byte-view.ts';

export type Section = {
  readonly name: string;
  readonly type: number;
  readonly bytes: Buffer;
  readonly link: number;
  readonly info: number;
};

export type ElfSymbol = { readonly name: string; readonly section: number; readonly value: number };

export type Relocation = {
  readonly offset: number;
  readonly type: number;
  readonly symbol: ElfSymbol;
};

export type ElfObject = {
  readonly sections: readonly Section[];
  section(name: string): Section | null;
  relocationsOf(section: Section): readonly Relocation[];
};

const EM_BPF = 247;
const ET_REL = 1;
const SHT_SYMTAB = 2;
const SHT_RELA = 4;
const SHT_NOBITS = 8;
const SHT_REL = 9;
const headerBytes = 64;
const sectionsMax = 256;
const entriesMax = 65_536;

export function parseElf(bytes: Uint8Array): ElfObject {
  const view = new ByteView(bytes, 'ELF object');
  if (view.u32(0) !== 0x464c457f || view.slice(4, 2).toString('hex') !== '0201')
    throw view.invalid('is no 64-bit little-endian ELF');
  if (view.u16(16) !== ET_REL || view.u16(18) !== EM_BPF)
    throw view.invalid('is no relocatable file for BPF');
  const table = view.u64(40);
  const count = view.u16(60);
  if (view.u16(58) !== headerBytes || count > sectionsMax)
    throw view.invalid(`${count} sections of ${view.u16(58)} bytes`);
  view.slice(table, count * headerBytes);
  const headers = Array.from({ length: count }, (_, index) => table + index * headerBytes);
  const extent = (at: number): { start: number; end: number } => {
    const start = view.u64(at + 24);
    const length = view.u32(at + 4) === SHT_NOBITS ? 0 : view.u64(at + 32);
    view.slice(start, length);
    return { start, end: start + length };
  };
  const nameHeader = headers[view.u16(62)];
  if (nameHeader === undefined) throw view.invalid('has no section names');
  const names = extent(nameHeader);
  const sections = headers.map((at): Section => {
    const { start, end } = extent(at);
    return {
      name: view.text(names.start, names.end, view.u32(at)),
      type: view.u32(at + 4),
      bytes: view.bytes.subarray(start, end),
      link: view.u32(at + 40),
      info: view.u32(at + 44),
    };
  });
  const symbols = readSymbols(sections, view);
  return {
    sections,
    section: (name) => sections.find((section) => section.name === name) ?? null,
    relocationsOf: (section) => readRelocations(sections, section, symbols, view),
  };
}

function readSymbols(sections: readonly Section[], object: ByteView): readonly ElfSymbol[] {
  const section = sections.find(({ type }) => type === SHT_SYMTAB);
  if (section === undefined) return [];
  const names = sections[section.link];
  if (names === undefined) throw object.invalid('symbols without names');
  const text = new ByteView(names.bytes, 'symbol names');
  const view = new ByteView(section.bytes, 'symbols');
  return Array.from({ length: rows(section, 24, object) }, (_, index) => ({
    name: text.text(0, names.bytes.length, view.u32(index * 24)),
    section: view.u16(index * 24 + 6),
    value: view.u64(index * 24 + 8),
  }));
}

function readRelocations(
  sections: readonly Section[],
  target: Section,
  symbols: readonly ElfSymbol[],
  object: ByteView,
): readonly Relocation[] {
  const at = sections.indexOf(target);
  return sections
    .filter(({ type, info }) => (type === SHT_REL || type === SHT_RELA) && info === at)
    .flatMap((section) => {
      if (section.type === SHT_RELA) throw object.invalid('relocations with addends');
      const view = new ByteView(section.bytes, 'relocations');
      return Array.from({ length: rows(section, 16, object) }, (_, index): Relocation => {
        const symbol = symbols[view.u32(index * 16 + 12)];
        if (symbol === undefined) throw object.invalid('relocation to no symbol');
        return { offset: view.u64(index * 16), type: view.u32(index * 16 + 8), symbol };
      });
    });
}

function rows(section: Section, bytes: number, object: ByteView): number {
  const count = section.bytes.length / bytes;
  if (!Number.isInteger(count) || count > entriesMax)
    throw object.invalid(`${section.name} has ${section.bytes.length} bytes`);
  return count;
}
