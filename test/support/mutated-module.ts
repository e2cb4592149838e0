/** Modules with something wrong in them: bytes changed, cut, put in, moved; sections in another order. */
import { readSections } from '#wasm/meter/sections.ts';

/** Bytes that mean something: opcodes, types, section numbers, the ends of LEB128 numbers. */
const tellingBytes = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x1a, 0x20, 0x24,
  0x36, 0x3f, 0x40, 0x41, 0x60, 0x6a, 0x70, 0x7b, 0x7e, 0x7f, 0x80, 0x87, 0xfb, 0xfc, 0xfd, 0xfe,
  0xff,
];

export function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const below = (bound: number): number => Math.floor(random() * bound);
  switch (below(8)) {
    case 0:
      return bytes.subarray(0, below(bytes.length));
    case 1:
      return sectionsMoved(bytes, below);
    case 2: {
      const at = below(bytes.length);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(8))]);
    }
    case 3: {
      const at = below(bytes.length);
      const put = Array.from(
        { length: 1 + below(6) },
        () => tellingBytes[below(tellingBytes.length)] ?? 0,
      );
      return Buffer.concat([bytes.subarray(0, at), Uint8Array.from(put), bytes.subarray(at)]);
    }
    case 4: {
      const copied = Uint8Array.from(bytes);
      const from = below(bytes.length);
      copied.copyWithin(below(bytes.length), from, from + below(40));
      return copied;
    }
    default: {
      const copied = Uint8Array.from(bytes);
      for (let i = 1 + below(3); i > 0; i--) {
        const at = below(copied.length);
        copied[at] =
          below(2) === 0
            ? (copied[at] ?? 0) ^ (1 << below(8))
            : (tellingBytes[below(tellingBytes.length)] ?? 0);
      }
      return copied;
    }
  }
}

/** Two sections change places, one is left out, or one is there twice. */
function sectionsMoved(bytes: Uint8Array, below: (bound: number) => number): Uint8Array {
  const sections = [...readSections(bytes)].map(({ id, start, end }) =>
    Buffer.concat([Uint8Array.from([id, ...paddedLeb(end - start)]), bytes.subarray(start, end)]),
  );
  const which = below(sections.length);
  const [taken] = sections.splice(which, 1);
  const again = below(3);
  if (taken !== undefined) {
    if (again > 0) sections.splice(below(sections.length + 1), 0, taken);
    if (again > 1) sections.splice(below(sections.length + 1), 0, taken);
  }
  return Buffer.concat([bytes.subarray(0, 8), ...sections]);
}

function paddedLeb(value: number): number[] {
  return [0, 7, 14, 21, 28].map((shift) => ((value >>> shift) & 0x7f) | (shift === 28 ? 0 : 0x80));
}
