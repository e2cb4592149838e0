/**
 * Everything of a module but its code and data: what it declares, within what bounds, and which
 * functions can be reached otherwise than by a direct call. Reads, refuses, and changes nothing.
 *
 * Import policy: functions alone. A memory, table or global from outside would be state that neither
 * the meter nor the isolation sees.
 */
import { BinaryReader } from './binary-reader.ts';
import { readConstantExpression } from './constant-expression.ts';
import { readElements } from './element-section.ts';
import { type Limits, readMemory, readTables } from './memory-limits.ts';
import { damaged, MeterFault } from './meter-fault.ts';
import { readSections, type Section, section } from './sections.ts';
import { readValueType, valueTypeName } from './value-types.ts';

export type ExternalKind = 'function' | 'table' | 'memory' | 'global';

export type ImportFact = {
  readonly module: string;
  readonly name: string;
  readonly kind: 'function';
  /** As text: `(i32,i64)->f64`, `()->()`. */
  readonly type: string;
};
export type ExportFact = {
  readonly name: string;
  readonly kind: ExternalKind;
  readonly index: number;
};

export type GlobalType = { readonly type: number; readonly isMutable: boolean };

export type ModuleOutline = {
  readonly sections: readonly Section[];
  /** How many parameters each function type has. */
  readonly parametersOfType: readonly number[];
  /** Where each stands, behind its form. */
  readonly typeStarts: readonly number[];
  /** The type of each function of the module's own, imports not counted. */
  readonly typeOfFunction: readonly number[];
  readonly imports: readonly ImportFact[];
  readonly tables: readonly Limits[];
  readonly memory: Limits | null;
  readonly globals: readonly GlobalType[];
  readonly exports: readonly ExportFact[];
  /** Index among all functions. */
  readonly startFunction: number | null;
  /** Called by the host, by reference or through a table; indexes among all functions. */
  readonly reachableFunctions: ReadonlySet<number>;
};

export const outlineLimits = {
  typesMax: 10_000,
  // A call or branch moves them all and is charged as one instruction.
  parametersMax: 128,
  resultsMax: 32,
  functionsMax: 100_000,
  importsMax: 1_000,
  exportsMax: 10_000,
  globalsMax: 10_000,
} as const;

/** Names of ours begin with it. */
const reservedPrefix = 'weir:';

const exportKinds: readonly ExternalKind[] = ['function', 'table', 'memory', 'global'];

export function readOutline(bytes: Uint8Array): ModuleOutline {
  const sections = readSections(bytes);
  const reachable = new Set<number>();
  const within = <Content>(
    id: number,
    read: (reader: BinaryReader) => Content,
    absent: Content,
  ): Content => {
    const found = sections.find((item) => item.id === id);
    if (found === undefined) return absent;
    const reader = new BinaryReader(bytes, found.start, found.end);
    const content = read(reader);
    if (!reader.isAtEnd) throw damaged(`section ${id} has bytes behind its last item`, reader.at);
    return content;
  };
  const typeStarts: number[] = [];
  const parametersOfType = within(section.type, (reader) => readTypes(reader, typeStarts), []);
  const imports = within(
    section.import,
    (reader) => readImports(reader, (index) => typeText(bytes, typeStarts[index])),
    [],
  );
  const typeOfFunction = within(
    section.function,
    (reader) => readFunctions(reader, parametersOfType),
    [],
  );
  const tables = within(section.table, readTables, []);
  const memory = within(section.memory, readMemory, null);
  const globals = within(section.global, (reader) => readGlobals(reader, reachable), []);
  const exports = within(section.export, readExports, []);
  for (const { kind, index } of exports) if (kind === 'function') reachable.add(index);
  const startFunction = within<number | null>(section.start, (reader) => reader.u32(), null);
  if (startFunction !== null) reachable.add(startFunction);
  within(section.element, (reader) => readElements(reader, reachable), undefined);
  return {
    sections,
    parametersOfType,
    typeStarts,
    typeOfFunction,
    imports,
    tables,
    memory,
    globals,
    exports,
    startFunction,
    reachableFunctions: reachable,
  };
}

/** The length of a vector, within its limit. */
function readCount(reader: BinaryReader, max: number, what: string): number {
  const at = reader.at;
  const count = reader.u32();
  if (count > max) throw new MeterFault(`has ${count} ${what}: at most ${max} are allowed`, at);
  return count;
}

/** How many parameters each has; `starts` gets where they stand. */
function readTypes(reader: BinaryReader, starts: number[]): number[] {
  const types: number[] = [];
  for (let left = readCount(reader, outlineLimits.typesMax, 'types'); left > 0; left--) {
    const at = reader.at;
    const form = reader.byte();
    if (form !== 0x60)
      throw new MeterFault(
        `declares a type of form 0x${form.toString(16)}, which is no function: build without GC`,
        at,
      );
    starts.push(reader.at);
    const parameters = readCount(
      reader,
      outlineLimits.parametersMax,
      'parameters in a function type',
    );
    for (let i = 0; i < parameters; i++) readValueType(reader);
    const results = readCount(reader, outlineLimits.resultsMax, 'results in a function type');
    for (let i = 0; i < results; i++) readValueType(reader);
    types.push(parameters);
  }
  return types;
}

function readImports(reader: BinaryReader, typeOf: (index: number) => string | null): ImportFact[] {
  const imports: ImportFact[] = [];
  for (let left = readCount(reader, outlineLimits.importsMax, 'imports'); left > 0; left--) {
    const module = reader.name();
    const name = reader.name();
    const at = reader.at;
    const kind = reader.byte();
    if (kind !== 0) {
      const what = exportKinds[kind] ?? 'something unknown';
      throw new MeterFault(
        `imports the ${what} ${module}.${name}: only functions may be imported; let the module define and export it`,
        at,
      );
    }
    const type = typeOf(reader.u32());
    if (type === null) throw new MeterFault(`imports ${module}.${name} with an unknown type`, at);
    imports.push({ module, name, kind: 'function', type });
  }
  return imports;
}

/** Of a type that has been read before; null where there is none. */
function typeText(bytes: Uint8Array, start: number | undefined): string | null {
  if (start === undefined) return null;
  const { parameters, results } = functionTypeAt(bytes, start);
  const text = (types: readonly number[]): string => types.map(valueTypeName).join(',');
  return `(${text(parameters)})->${results.length === 1 ? text(results) : `(${text(results)})`}`;
}

export type FunctionType = {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
};

/** Of a type that has been read before. */
export function functionTypeAt(bytes: Uint8Array, start: number): FunctionType {
  const reader = new BinaryReader(bytes, start, bytes.length);
  const list = (): number[] => Array.from({ length: reader.u32() }, () => readValueType(reader));
  return { parameters: list(), results: list() };
}

function readFunctions(reader: BinaryReader, types: readonly number[]): number[] {
  const functions: number[] = [];
  for (let left = readCount(reader, outlineLimits.functionsMax, 'functions'); left > 0; left--) {
    const at = reader.at;
    const type = reader.u32();
    if (type >= types.length) throw damaged(`a function has the unknown type ${type}`, at);
    functions.push(type);
  }
  return functions;
}

function readGlobals(reader: BinaryReader, reachable: Set<number>): GlobalType[] {
  const globals: GlobalType[] = [];
  for (let left = readCount(reader, outlineLimits.globalsMax, 'globals'); left > 0; left--) {
    const type = readValueType(reader);
    const at = reader.at;
    const mutability = reader.byte();
    if (mutability > 1) throw new MeterFault('has a shared global: build without threads', at);
    readConstantExpression(reader, reachable);
    globals.push({ type, isMutable: mutability === 1 });
  }
  return globals;
}

function readExports(reader: BinaryReader): ExportFact[] {
  const exports: ExportFact[] = [];
  for (let left = readCount(reader, outlineLimits.exportsMax, 'exports'); left > 0; left--) {
    const at = reader.at;
    const name = reader.name();
    if (name.startsWith(reservedPrefix))
      throw new MeterFault(
        `exports ${name}: names that begin with ${reservedPrefix} are Weir's own`,
        at,
      );
    const kind = exportKinds[reader.byte()];
    if (kind === undefined)
      throw new MeterFault(`exports ${name} as something unknown: build without exceptions`, at);
    exports.push({ name, kind, index: reader.u32() });
  }
  return exports;
}
