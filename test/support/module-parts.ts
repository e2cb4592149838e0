/** The pieces that broken modules are put together from: sections, bodies, and a good module with one of them changed. */
import { guest } from './hostile-guest.ts';
import { type FunctionSpec, i32, leb, op, section, text, vector } from './wasm-builder.ts';

export type Code = readonly (readonly number[])[];
export type Section = { readonly id: number; readonly content: readonly number[] };

export const f64 = 0x7c;
export const funcref = 0x70;
export const magic = [0x00, 0x61, 0x73, 0x6d];
export const header = [...magic, 0x01, 0x00, 0x00, 0x00];
/** Sections in the order a module has them; 12 stands in front of 10. */
export const order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];
export const custom = (name: string, content: readonly number[]): Section => ({
  id: 0,
  content: [...text(name), ...content],
});

export function sectionsOf(bytes: Uint8Array): Section[] {
  const sections: Section[] = [];
  for (let at = header.length; at < bytes.length; ) {
    const id = bytes[at++] as number;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    sections.push({ id, content: [...bytes.subarray(at, at + length)] });
    at += length;
  }
  return sections;
}

export const joined = (sections: readonly Section[]): Uint8Array =>
  Uint8Array.from([...header, ...sections.flatMap(({ id, content }) => section(id, content))]);

/** The good module with a section of its own in the place of, or beside, what it has. */
export function withSection(id: number, content: readonly number[], base = guest()): Uint8Array {
  const others = sectionsOf(base).filter((item) => item.id !== id);
  const rank = order.indexOf(id);
  const place = others.findIndex((item) => order.indexOf(item.id) > rank);
  return joined(others.toSpliced(place < 0 ? others.length : place, 0, { id, content }));
}

export const importOf = (kind: readonly number[]): Uint8Array =>
  withSection(2, vector([[...text('env'), ...text('thing'), ...kind]]));

export const memoryOf = (...limits: readonly number[]): Uint8Array =>
  withSection(5, [1, ...limits]);
export const start = (...code: Code): Uint8Array =>
  guest([op.const(0)], { functions: [{ code }], start: 3 });
export const with3 = (item: FunctionSpec): Uint8Array =>
  guest([op.const(0)], { functions: [item] });
export const replaced = (item: FunctionSpec): Uint8Array =>
  guest([op.const(0)], { replaced: item });
export const reserve = (address: number): Uint8Array =>
  replaced({
    name: 'weir_reserve',
    parameters: [i32],
    results: [i32],
    code: [op.const(address)],
  });
export const repeated = (times: number, ...bytes: readonly number[]): number[] =>
  Array.from({ length: times }, () => bytes).flat();
/** `block` so many times inside each other. */
export const nested = (depth: number): number[] => [
  ...repeated(depth, 0x02, 0x40),
  ...repeated(depth, 0x0b),
];

/** The good module with this as the body of `weir_request_head`, locals and code. */
export function withBody(locals: readonly number[], code: readonly number[]): Uint8Array {
  const body = [...locals, ...code, 0x0b];
  const others = [...bodyOf(op.const(1)), ...bodyOf(op.const(4_096))];
  // Joined by hand: spreading a million bytes as arguments would be too much for the stack.
  return withSection(10, [3].concat(others, leb(body.length), body));
}

export function bodyOf(code: readonly number[]): number[] {
  const body = [0, ...code, 0x0b];
  return [...leb(body.length), ...body];
}

/** `load`: never goes live. `call`: fails a request, its own alone. `fine`: odd, and does no harm. */
export type HostileModule = {
  readonly name: string;
  readonly bytes: () => Uint8Array;
  readonly stoppedAt: 'load' | 'call' | 'fine';
  readonly says: RegExp;
};

export function stopped(
  stoppedAt: 'load' | 'call',
  modules: readonly (readonly [name: string, bytes: () => Uint8Array, says: RegExp])[],
): readonly HostileModule[] {
  return modules.map(([name, bytes, says]) => ({ name, bytes, says, stoppedAt }));
}

export const loop = (...code: Code): Code => [[0x03, 0x40], ...code, [0x0c, 0x00, 0x0b]];
