/**
 * A compiled object: its program, the places where maps go into it, its licence, its types.
 *
 * The program is sent without BTF, so it must be one section without calls, globals or kernel functions.
 * Whatever would need them shows as a relocation other than that of a map, and is refused by name.
 */
import { Btf, type MapDefinition } from './btf.ts';
import { ByteView } from './byte-view.ts';
import { parseElf } from './elf.ts';

export type BpfObject = {
  readonly instructions: Buffer;
  readonly license: string;
  readonly layout: Btf;
  readonly maps: readonly MapDefinition[];
  /** Byte offset of an instruction that loads a map, and its name. */
  readonly mapUses: readonly { readonly offset: number; readonly map: string }[];
};

const R_BPF_64_64 = 1;
const instructionBytes = 8;
const LOAD_IMMEDIATE_64 = 0x18;
const BPF_PSEUDO_MAP_FD = 1;
const mapsMax = 64;
export const objectBytesMax = 4 * 1024 * 1024;

export function parseBpfObject(bytes: Uint8Array, section = 'xdp'): BpfObject {
  const view = new ByteView(bytes, 'BPF object');
  if (bytes.length > objectBytesMax) throw view.invalid(`has ${bytes.length} bytes`);
  const elf = parseElf(bytes);
  const program = elf.section(section);
  const types = elf.section('.BTF');
  const license = elf.section('license');
  if (program === null || types === null || license === null)
    throw view.invalid(`lacks a section of ${section}, .BTF, license`);
  if (program.bytes.length === 0 || program.bytes.length % instructionBytes !== 0)
    throw view.invalid(`${section} has ${program.bytes.length} bytes`);
  const layout = new Btf(types.bytes);
  const maps = layout.mapDefinitions();
  const names = new Set(maps.map(({ name }) => name));
  if (maps.length > mapsMax || names.size !== maps.length)
    throw view.invalid(`${maps.length} maps, ${names.size} names`);
  const mapUses = elf.relocationsOf(program).map(({ offset, type, symbol }) => {
    if (type !== R_BPF_64_64)
      throw view.invalid(`relocation of type ${type} to ${symbol.name || 'a section'}`);
    if (!names.has(symbol.name))
      throw view.invalid(`refers to ${symbol.name || 'a section'}, which is no map`);
    if (
      offset % instructionBytes !== 0 ||
      offset + 2 * instructionBytes > program.bytes.length ||
      program.bytes[offset] !== LOAD_IMMEDIATE_64
    )
      throw view.invalid(`relocation at ${offset} is at no load`);
    return { offset, map: symbol.name };
  });
  const text = license.bytes.toString('latin1').replace(/\0+$/, '');
  return { instructions: program.bytes, license: text, layout, maps, mapUses };
}

/** The instructions with map descriptors in their places. */
export function linkInstructions(
  object: BpfObject,
  descriptors: ReadonlyMap<string, number>,
): Buffer {
  const code = Buffer.from(object.instructions);
  for (const { offset, map } of object.mapUses) {
    const fd = descriptors.get(map);
    if (fd === undefined) throw new ByteView(code, 'BPF object').invalid(`map ${map} was not made`);
    code[offset + 1] = ((code[offset + 1] ?? 0) & 0x0f) | (BPF_PSEUDO_MAP_FD << 4);
    code.writeInt32LE(fd, offset + 4);
  }
  return code;
}
