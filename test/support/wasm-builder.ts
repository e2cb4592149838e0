/**
 * WebAssembly modules byte by byte, for guests that no compiler would make. Only what the tests of
 * hostile modules need.
 */
export const i32 = 0x7f;
export const i64 = 0x7e;

/** Instructions by the names of the text format. */
export const op = {
  unreachable: [0x00],
  /** `loop br 0 end` */
  spin: [0x03, 0x40, 0x0c, 0x00, 0x0b],
  const: (value: number): number[] => [0x41, ...signedLeb(value)],
  const64: (value: number): number[] => [0x42, ...signedLeb(value)],
  call: (index: number): number[] => [0x10, ...leb(index)],
  local: (index: number): number[] => [0x20, ...leb(index)],
  grow: [0x40, 0x00],
  drop: [0x1a],
  store: [0x36, 0x02, 0x00],
} as const;

export type FunctionSpec = {
  readonly name?: string;
  readonly parameters?: readonly number[];
  readonly results?: readonly number[];
  readonly code: readonly (readonly number[])[];
};

export type ModuleSpec = {
  readonly imports?: readonly {
    readonly module: string;
    readonly name: string;
    readonly parameters?: readonly number[];
    readonly results?: readonly number[];
  }[];
  readonly functions: readonly FunctionSpec[];
  /** Null for a module without one. */
  readonly memory?: {
    readonly initial: number;
    readonly maximum?: number;
    readonly exported?: string;
  } | null;
  /** Index among all functions, imports first. */
  readonly start?: number;
  readonly data?: { readonly at: number; readonly bytes: readonly number[] };
};

export function buildModule(spec: ModuleSpec): Uint8Array {
  const imports = spec.imports ?? [];
  const memory = spec.memory === undefined ? { initial: 1, maximum: 16 } : spec.memory;
  const types = [
    ...imports.map((item) => functionType(item.parameters ?? [], item.results ?? [])),
    ...spec.functions.map((item) => functionType(item.parameters ?? [], item.results ?? [])),
  ];
  const exports = spec.functions.flatMap((item, index) =>
    item.name === undefined ? [] : [[...text(item.name), 0x00, ...leb(imports.length + index)]],
  );
  if (memory !== null) exports.push([...text(memory.exported ?? 'memory'), 0x02, 0x00]);
  const limits =
    memory === null
      ? []
      : memory.maximum === undefined
        ? [0, ...leb(memory.initial)]
        : [1, ...leb(memory.initial), ...leb(memory.maximum)];
  const bodies = spec.functions.map(({ code }) => {
    const body = [0x00, ...code.flat(), 0x0b];
    return [...leb(body.length), ...body];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(
      2,
      vector(
        imports.map((item, index) => [
          ...text(item.module),
          ...text(item.name),
          0x00,
          ...leb(index),
        ]),
      ),
    ),
    ...section(3, vector(spec.functions.map((_, index) => leb(imports.length + index)))),
    ...(memory === null ? [] : section(5, vector([limits]))),
    ...section(7, vector(exports)),
    ...(spec.start === undefined ? [] : section(8, leb(spec.start))),
    ...section(10, vector(bodies)),
    ...(spec.data === undefined
      ? []
      : section(
          11,
          vector([
            [
              0x00,
              ...op.const(spec.data.at),
              0x0b,
              ...leb(spec.data.bytes.length),
              ...spec.data.bytes,
            ],
          ]),
        )),
  ]);
}

/** Little-endian words as bytes. */
export function words(...values: readonly number[]): number[] {
  return values.flatMap((value) => [
    value & 255,
    (value >>> 8) & 255,
    (value >>> 16) & 255,
    value >>> 24,
  ]);
}

export function functionType(parameters: readonly number[], results: readonly number[]): number[] {
  return [
    0x60,
    ...vector(parameters.map((type) => [type])),
    ...vector(results.map((type) => [type])),
  ];
}

export function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

export function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

export function text(value: string): number[] {
  return [...leb(value.length), ...Buffer.from(value, 'latin1')];
}

export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

export function signedLeb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  while (true) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}
