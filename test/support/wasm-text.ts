/**
 * Assembles small modules from instructions in words, byte for byte as written, so that a test can say
 * exactly what the rewriter sees: `assemble({ functions: [{ name: 'f', code: 'i32.const 7' }] })`.
 *
 * What follows a mnemonic is its immediates as plain numbers, in the order of the binary; a memory access
 * takes `offset=N` where it is not 0, a block its result type where it has one.
 */
export type TypeName = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref';

export type FunctionText = {
  /** Exported under this name. */
  readonly name?: string;
  readonly parameters?: readonly TypeName[];
  readonly results?: readonly TypeName[];
  readonly locals?: readonly TypeName[];
  readonly code: string;
};

export type ModuleText = {
  /** Functions of the module `host`; they come first in the count. */
  readonly imports?: readonly {
    readonly name: string;
    readonly parameters?: readonly TypeName[];
    readonly results?: readonly TypeName[];
  }[];
  readonly functions: readonly FunctionText[];
  /** Initial and maximum pages; exported as `memory`. One page without a maximum when left out. */
  readonly memory?: readonly [initial: number, maximum?: number] | null;
  /** Of funcref; the first is exported as `table`. */
  readonly tables?: readonly (readonly [initial: number, maximum?: number])[];
  readonly globals?: readonly {
    readonly type: TypeName;
    readonly mutable?: boolean;
    readonly value: string;
    readonly name?: string;
  }[];
  /** Put into table 0. */
  readonly elements?: readonly { readonly at: number; readonly functions: readonly number[] }[];
  readonly passiveElements?: readonly (readonly number[])[];
  readonly data?: readonly { readonly at: number; readonly text: string }[];
  readonly passiveData?: readonly string[];
  readonly start?: number;
};

const types: Readonly<Record<TypeName, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
};

/** Opcode bytes, then what follows: u index, s signed, m memory access, b block type, t branch table, 1 byte as it is. */
const instructions: Readonly<Record<string, readonly [number[], string]>> = {
  unreachable: [[0x00], ''],
  nop: [[0x01], ''],
  block: [[0x02], 'b'],
  loop: [[0x03], 'b'],
  if: [[0x04], 'b'],
  else: [[0x05], ''],
  end: [[0x0b], ''],
  br: [[0x0c], 'u'],
  br_if: [[0x0d], 'u'],
  br_table: [[0x0e], 't'],
  return: [[0x0f], ''],
  call: [[0x10], 'u'],
  call_indirect: [[0x11], 'uu'],
  return_call: [[0x12], 'u'],
  return_call_indirect: [[0x13], 'uu'],
  drop: [[0x1a], ''],
  select: [[0x1b], ''],
  'local.get': [[0x20], 'u'],
  'local.set': [[0x21], 'u'],
  'local.tee': [[0x22], 'u'],
  'global.get': [[0x23], 'u'],
  'global.set': [[0x24], 'u'],
  'table.get': [[0x25], 'u'],
  'table.set': [[0x26], 'u'],
  'i32.load': [[0x28], 'm'],
  'i64.load': [[0x29], 'm'],
  'i32.load8_u': [[0x2d], 'm'],
  'i32.store': [[0x36], 'm'],
  'i64.store': [[0x37], 'm'],
  'f32.store': [[0x38], 'm'],
  'f64.store': [[0x39], 'm'],
  'i32.store8': [[0x3a], 'm'],
  'i32.store16': [[0x3b], 'm'],
  'i64.store8': [[0x3c], 'm'],
  'i64.store16': [[0x3d], 'm'],
  'i64.store32': [[0x3e], 'm'],
  'memory.size': [[0x3f], 'u'],
  'memory.grow': [[0x40], 'u'],
  'i32.const': [[0x41], 's'],
  'i64.const': [[0x42], 's'],
  'f32.const': [[0x43], '1111'],
  'f64.const': [[0x44], '11111111'],
  'i32.eqz': [[0x45], ''],
  'i32.eq': [[0x46], ''],
  'i32.ne': [[0x47], ''],
  'i32.lt_s': [[0x48], ''],
  'i32.lt_u': [[0x49], ''],
  'i32.gt_s': [[0x4a], ''],
  'i32.gt_u': [[0x4b], ''],
  'i32.le_s': [[0x4c], ''],
  'i32.le_u': [[0x4d], ''],
  'i32.ge_s': [[0x4e], ''],
  'i32.ge_u': [[0x4f], ''],
  'i32.add': [[0x6a], ''],
  'i32.sub': [[0x6b], ''],
  'i32.mul': [[0x6c], ''],
  'i32.and': [[0x71], ''],
  'i32.xor': [[0x73], ''],
  'i64.add': [[0x7c], ''],
  'i64.div_u': [[0x80], ''],
  'i32.wrap_i64': [[0xa7], ''],
  'i32.extend8_s': [[0xc0], ''],
  'ref.null': [[0xd0], '1'],
  'ref.func': [[0xd2], 'u'],
  'i32.trunc_sat_f64_s': [[0xfc, 2], ''],
  'memory.init': [[0xfc, 8], 'uu'],
  'data.drop': [[0xfc, 9], 'u'],
  'memory.copy': [[0xfc, 10], 'uu'],
  'memory.fill': [[0xfc, 11], 'u'],
  'table.init': [[0xfc, 12], 'uu'],
  'elem.drop': [[0xfc, 13], 'u'],
  'table.copy': [[0xfc, 14], 'uu'],
  'table.grow': [[0xfc, 15], 'u'],
  'table.size': [[0xfc, 16], 'u'],
  'table.fill': [[0xfc, 17], 'u'],
  'v128.load': [[0xfd, 0], 'm'],
  'v128.store': [[0xfd, 11], 'm'],
  'v128.const': [[0xfd, 12], '1111111111111111'],
  'i8x16.splat': [[0xfd, 15], ''],
  'i32x4.extract_lane': [[0xfd, 27], '1'],
  'i32x4.add': [[0xfd, 0xae, 0x01], ''],
  'v128.store32_lane': [[0xfd, 90], 'm1'],
  'i32.atomic.load': [[0xfe, 0x10], 'm'],
  throw: [[0x08], 'u'],
  call_ref: [[0x14], 'u'],
  'struct.new': [[0xfb, 0], 'u'],
};

/** The bytes of `code`, without an `end` of its own. */
export function assembleCode(code: string): number[] {
  const words = code.split(/\s+/).filter((word) => word !== '');
  const bytes: number[] = [];
  let at = 0;
  const next = (): string => {
    const word = words[at++];
    if (word === undefined) throw new Error(`${code}: ends too early`);
    return word;
  };
  const number = (): number => {
    const word = next();
    const value = Number(word);
    if (!Number.isInteger(value)) throw new Error(`${code}: ${word} is no number`);
    return value;
  };
  while (at < words.length) {
    const mnemonic = next();
    const instruction = instructions[mnemonic];
    if (instruction === undefined) throw new Error(`${code}: unknown instruction ${mnemonic}`);
    const [opcodeBytes, immediates] = instruction;
    bytes.push(...opcodeBytes);
    for (const kind of immediates) {
      if (kind === 'u') bytes.push(...leb(number()));
      else if (kind === 's') bytes.push(...signedLeb(BigInt(next())));
      else if (kind === '1') bytes.push(number());
      else if (kind === 'm') {
        const offset = /^offset=(\d+)$/.exec(words[at] ?? '');
        if (offset !== null) at++;
        bytes.push(0, ...leb(Number(offset?.[1] ?? 0)));
      } else if (kind === 'b') {
        const type = types[words[at] as TypeName];
        if (type !== undefined) at++;
        bytes.push(type ?? 0x40);
      } else {
        const targets: number[] = [];
        while (/^\d+$/.test(words[at] ?? '')) targets.push(number());
        bytes.push(...leb(targets.length - 1), ...targets.flatMap(leb));
      }
    }
  }
  return bytes;
}

export function assemble(spec: ModuleText): Uint8Array {
  const imports = spec.imports ?? [];
  const memory = spec.memory === undefined ? ([1] as const) : spec.memory;
  const tables = spec.tables ?? [];
  const globals = spec.globals ?? [];
  const functionType = (item: {
    parameters?: readonly TypeName[];
    results?: readonly TypeName[];
  }): number[] => [0x60, ...typeVector(item.parameters), ...typeVector(item.results)];
  const exports = [
    ...spec.functions.flatMap(({ name }, index) =>
      name === undefined ? [] : [[...text(name), 0, ...leb(imports.length + index)]],
    ),
    ...(memory === null ? [] : [[...text('memory'), 2, 0]]),
    ...(tables.length === 0 ? [] : [[...text('table'), 1, 0]]),
    ...globals.flatMap(({ name }, index) =>
      name === undefined ? [] : [[...text(name), 3, ...leb(index)]],
    ),
  ];
  const elements = [
    ...(spec.elements ?? []).map(({ at, functions }) => [
      ...[0, ...assembleCode(`i32.const ${at}`), 0x0b],
      ...vector(functions.map(leb)),
    ]),
    ...(spec.passiveElements ?? []).map((functions) => [1, 0, ...vector(functions.map(leb))]),
  ];
  const data = [
    ...(spec.data ?? []).map(({ at, text: content }) => [
      ...[0, ...assembleCode(`i32.const ${at}`), 0x0b],
      ...text(content),
    ]),
    ...(spec.passiveData ?? []).map((content) => [1, ...text(content)]),
  ];
  const bodies = spec.functions.map(({ locals = [], code }) => {
    const body = [
      ...vector(locals.map((type) => [1, types[type]])),
      ...assembleCode(code),
      ...[0x0b],
    ];
    return [...leb(body.length), ...body];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector([...imports, ...spec.functions].map(functionType))),
    ...section(
      2,
      vector(imports.map(({ name }, index) => [...text('host'), ...text(name), 0, ...leb(index)])),
    ),
    ...section(3, vector(spec.functions.map((_, index) => leb(imports.length + index)))),
    ...(tables.length === 0
      ? []
      : section(4, vector(tables.map((table) => [0x70, ...limits(table)])))),
    ...(memory === null ? [] : section(5, vector([limits(memory)]))),
    ...section(
      6,
      vector(
        globals.map(({ type, mutable = true, value }) => [
          ...[types[type], mutable ? 1 : 0],
          ...assembleCode(value),
          ...[0x0b],
        ]),
      ),
    ),
    ...section(7, vector(exports)),
    ...(spec.start === undefined ? [] : section(8, leb(spec.start))),
    ...(elements.length === 0 ? [] : section(9, vector(elements))),
    ...(data.length === 0 ? [] : section(12, leb(data.length))),
    ...section(10, vector(bodies)),
    ...(data.length === 0 ? [] : section(11, vector(data))),
  ]);
}

export function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

export function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}

function signedLeb(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest < -64n || rest > 63n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest & 0x7fn));
  return bytes;
}

function text(value: string): number[] {
  return [...leb(value.length), ...Buffer.from(value, 'latin1')];
}

function typeVector(names: readonly TypeName[] = []): number[] {
  return vector(names.map((name) => [types[name]]));
}

function limits([initial, maximum]: readonly [initial: number, maximum?: number]): number[] {
  return maximum === undefined ? [0, ...leb(initial)] : [1, ...leb(initial), ...leb(maximum)];
}
