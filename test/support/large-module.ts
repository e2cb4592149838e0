/** A large module of real code: a module's functions over and over, up to a size. */
import { BinaryReader } from '#wasm/meter/binary-reader.ts';
import { readSections, section as sectionId } from '#wasm/meter/sections.ts';
import { leb } from './wasm-text.ts';

export function repeatedModule(bytes: Uint8Array, bytesWanted: number): Uint8Array {
  const sections = readSections(bytes);
  const code = sections.find(({ id }) => id === sectionId.code);
  const rest = bytes.length - (code === undefined ? 0 : code.end - code.start);
  const times = Math.ceil((bytesWanted - rest) / Math.max(1, bytes.length - rest));
  const parts = sections.map(({ id, start, end }) => {
    if (id !== sectionId.code && id !== sectionId.function)
      return withHeader(id, bytes.subarray(start, end));
    const reader = new BinaryReader(bytes, start, end);
    const count = reader.u32();
    const items = bytes.subarray(reader.at, end);
    const all = Array.from({ length: times }, () => items);
    return withHeader(id, Buffer.concat([Uint8Array.from(leb(count * times)), ...all]));
  });
  return new Uint8Array(Buffer.concat([bytes.subarray(0, 8), ...parts]));
}

function withHeader(id: number, content: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.from([id, ...leb(content.length)]), content]);
}
