/**
 * The binary rewriter: takes the bytes of a module and gives back one that does the same, but stops when
 * its fuel is used up, never has more memory than the cap, and (where asked for) can be put back to how it
 * was after every call.
 *
 * It goes over the binary section by section and keeps no tree. The engine itself has validated the
 * module before anything is added: after that no number in it can mean anything of ours.
 *
 * ```
 * bytes ─► outline ─► prepaid functions ─► validated by the engine ─► sections, one after the other ─► bytes
 *          caps, imports                                             opcodes, fuel, marks, limits
 * ```
 */
import { assert } from '#core/assert.ts';
import { type AddedFunction, fuelledFunction, refuelFunction, unsigned } from './added-function.ts';
import { BinaryReader } from './binary-reader.ts';
import { BodyEvents } from './body-events.ts';
import { BodyRewriter } from './body-rewriter.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  type IsolationPlan,
  isolationFunctions,
  marksPages,
  memoryPagesLimit,
  zeroOf,
} from './isolation.ts';
import { cappedMemory, cappedTable, writeLimits } from './memory-limits.ts';
import { damaged, MeterFault } from './meter-fault.ts';
import {
  type ExportFact,
  functionTypeAt,
  type ImportFact,
  type ModuleOutline,
  readOutline,
} from './module-outline.ts';
import { OffsetMap } from './offset-map.ts';
import { opcode } from './opcodes.ts';
import { PrepaidFunctions, prepaidBytesMax } from './prepaid-functions.ts';
import { headerBytes, type Section, section, sectionOrder } from './sections.ts';
import { valueType } from './value-types.ts';

export type MeterOptions = {
  /** What the start function may use; the host sets the fuel before every later call. */
  readonly fuelAtStart: number;
  readonly memoryPagesMax: number;
  /** Adds `weir:save`, `weir:reset` and `weir:touch`. */
  readonly isolates: boolean;
  /**
   * The start function becomes the export `weir:start`, for the host to call first: then the instance is
   * there for what it calls, and its fuel can be read.
   */
  readonly exportsStart?: boolean;
  /** Functions it exports that get a second export, `weir:call:NAME`, which takes the fuel before its parameters. */
  readonly fuelledExports?: readonly string[];
  /** Keeps `offsets`, for traces that lead to the source. */
  readonly keepsOffsets?: boolean;
};

export type ModuleFacts = {
  readonly functions: number;
  readonly loops: number;
  /** Functions paid for by their callers. */
  readonly prepaid: number;
  /** As rewritten; null without a memory. */
  readonly memoryPages: { readonly initial: number; readonly maximum: number } | null;
  /** Of all tables, as rewritten. */
  readonly tableElements: { readonly initial: number; readonly maximum: number };
  readonly imports: readonly ImportFact[];
  readonly exports: readonly ExportFact[];
  readonly hasStart: boolean;
};

export type MeteredModule = {
  readonly bytes: Uint8Array;
  readonly facts: ModuleFacts;
  /** Null unless asked for. */
  readonly offsets: OffsetMap | null;
};

/** Names under which what is added is exported. */
export const meterExport = {
  /** A mutable i32; below 0 when a call has used up its fuel. */
  fuel: 'weir:fuel',
  /** (fuel) → what was left; no higher than `fuelMax`. */
  refuel: 'weir:refuel',
  touch: 'weir:touch',
  save: 'weir:save',
  reset: 'weir:reset',
  start: 'weir:start',
} as const;

/** Set the fuel to no more than this. */
export const fuelMax = 0x4000_0000;

export const moduleBytesMax = 32 * 1_048_576;

/** Throws `MeterFault`. */
export function meterModule(bytes: Uint8Array, options: MeterOptions): MeteredModule {
  const { fuelAtStart, memoryPagesMax } = options;
  assert(fuelAtStart >= 0 && fuelAtStart <= fuelMax, 'fuel is within its range');
  assert(memoryPagesMax >= 1 && memoryPagesMax <= memoryPagesLimit, 'pages are within their range');
  if (bytes.length > moduleBytesMax)
    throw new MeterFault(`has ${bytes.length} bytes: at most ${moduleBytesMax} are allowed`);
  return new ModuleRewriter(bytes, options).rewrite();
}

class ModuleRewriter {
  readonly #bytes: Uint8Array;
  readonly #options: MeterOptions;
  readonly #outline: ModuleOutline;
  readonly #prepaid: PrepaidFunctions;
  readonly #events = new BodyEvents();
  readonly #out: ByteWriter;
  readonly #isolation: IsolationPlan | null;
  readonly #added: readonly AddedFunction[];
  readonly #offsets: OffsetMap | null;
  #loops = 0;

  constructor(bytes: Uint8Array, options: MeterOptions) {
    this.#bytes = bytes;
    this.#options = options;
    this.#outline = readOutline(bytes);
    const { imports, typeOfFunction } = this.#outline;
    this.#prepaid = new PrepaidFunctions(imports.length, typeOfFunction.length);
    this.#out = new ByteWriter(bytes.length * 2 + 4_096);
    this.#offsets = options.keepsOffsets === true ? new OffsetMap() : null;
    this.#isolation = options.isolates ? this.#planIsolation() : null;
    this.#added = [
      refuelFunction(this.#fuelGlobal),
      ...(this.#isolation === null ? [] : isolationFunctions(this.#isolation)),
      ...this.#fuelledFunctions(),
    ];
  }

  rewrite(): MeteredModule {
    const outline = this.#outline;
    const memory =
      outline.memory === null ? null : cappedMemory(outline.memory, this.#options.memoryPagesMax);
    const tables = outline.tables.map(cappedTable);
    const code = outline.sections.find(({ id }) => id === section.code);
    this.#scan(code);
    if (!WebAssembly.validate(this.#bytes)) throw engineFault(this.#bytes);

    this.#out.copy(this.#bytes, 0, headerBytes);
    for (const id of sectionOrder)
      this.#writeSection(
        id,
        outline.sections.find((item) => item.id === id),
      );
    for (const item of outline.sections) if (this.#isNames(item)) this.#copySection(item);
    return {
      bytes: this.#out.written.slice(),
      facts: {
        functions: outline.typeOfFunction.length,
        loops: this.#loops,
        prepaid: this.#prepaid.count,
        memoryPages: memory === null ? null : { initial: memory.initial, maximum: memory.maximum },
        tableElements: {
          initial: tables.reduce((sum, { initial }) => sum + initial, 0),
          maximum: tables.reduce((sum, { maximum }) => sum + maximum, 0),
        },
        imports: outline.imports,
        exports: outline.exports,
        hasStart: outline.startFunction !== null,
      },
      offsets: this.#offsets,
    };
  }

  /** Finds the functions whose callers pay; it has to look only at what may be one. */
  #scan(code: Section | undefined): void {
    const { reachableFunctions, imports } = this.#outline;
    this.#eachBody(
      code,
      (index, bodyBytes) =>
        bodyBytes <= prepaidBytesMax && !reachableFunctions.has(imports.length + index),
      (index) => this.#prepaid.consider(index, this.#events),
    );
    this.#prepaid.resolve();
  }

  #eachBody(
    code: Section | undefined,
    isWanted: (index: number, bodyBytes: number) => boolean,
    use: (index: number) => void,
  ): void {
    const { typeOfFunction, parametersOfType } = this.#outline;
    const start = code?.start ?? 0;
    const end = code?.end ?? 0;
    const reader = new BinaryReader(this.#bytes, start, end);
    const count = code === undefined ? 0 : reader.u32();
    if (count !== typeOfFunction.length)
      throw damaged(
        `declares ${typeOfFunction.length} functions and has the code of ${count}`,
        start,
      );
    const body = new BinaryReader(this.#bytes, start, end);
    for (let index = 0; index < count; index++) {
      const length = reader.u32();
      body.at = reader.at;
      reader.skip(length);
      body.end = reader.at;
      if (!isWanted(index, length)) continue;
      this.#events.read(body, parametersOfType.length);
      use(index);
    }
    if (!reader.isAtEnd) throw damaged('has bytes behind its last function', reader.at);
  }

  #writeSection(id: number, found: Section | undefined): void {
    switch (id) {
      case section.type:
        this.#extend(
          id,
          found,
          this.#added.map(({ type }) => type),
        );
        break;
      case section.function:
        this.#extend(
          id,
          found,
          this.#added.map((_, index) => unsigned(this.#outline.parametersOfType.length + index)),
        );
        break;
      case section.table:
        this.#writeTables(found);
        break;
      case section.memory:
        this.#writeMemories(found);
        break;
      case section.global:
        this.#extend(id, found, this.#addedGlobals());
        break;
      case section.export:
        this.#extend(id, found, this.#addedExports());
        break;
      case section.start:
        if (found !== undefined && this.#exportedStart === null) this.#copySection(found);
        break;
      case section.code:
        this.#writeCode(found);
        break;
      default:
        if (found !== undefined) this.#copySection(found);
    }
  }

  /** The section with `added` behind its own items. */
  #extend(id: number, found: Section | undefined, added: readonly (readonly number[])[]): void {
    if (added.length === 0) {
      if (found !== undefined) this.#copySection(found);
      return;
    }
    this.#section(id, () => {
      const reader = new BinaryReader(this.#bytes, found?.start ?? 0, found?.end ?? 0);
      const own = found === undefined ? 0 : reader.u32();
      this.#out.u32(own + added.length);
      this.#out.copy(this.#bytes, reader.at, reader.end);
      for (const item of added) this.#out.all(item);
    });
  }

  #addedGlobals(): number[][] {
    const mutable = 1;
    const fuel = new ByteWriter(16);
    fuel.all([valueType.i32, mutable, opcode.i32Const]);
    fuel.s32(this.#options.fuelAtStart);
    fuel.byte(opcode.end);
    const added = [[...fuel.written]];
    if (this.#isolation === null) return added;
    added.push([valueType.i32, mutable, ...zeroOf(valueType.i32)]);
    for (const { type } of this.#isolation.globals) added.push([type, mutable, ...zeroOf(type)]);
    return added;
  }

  #addedExports(): number[][] {
    const first = this.#firstAddedFunction;
    return [
      exportEntry(meterExport.fuel, 3, this.#fuelGlobal),
      ...this.#added.map(({ name }, index) => exportEntry(name, 0, first + index)),
      ...(this.#exportedStart === null
        ? []
        : [exportEntry(meterExport.start, 0, this.#exportedStart)]),
    ];
  }

  #writeTables(found: Section | undefined): void {
    const { tables } = this.#outline;
    if (found === undefined) return;
    this.#section(section.table, () => {
      this.#out.u32(tables.length);
      for (const table of tables) writeLimits(this.#out, cappedTable(table));
    });
  }

  #writeMemories(found: Section | undefined): void {
    const { memory } = this.#outline;
    const { memoryPagesMax } = this.#options;
    if (memory === null) {
      if (found !== undefined) this.#copySection(found);
      return;
    }
    this.#section(section.memory, () => {
      this.#out.u32(this.#isolation === null ? 1 : 2);
      const own = cappedMemory(memory, memoryPagesMax);
      writeLimits(this.#out, own);
      if (this.#isolation === null) return;
      const { marksPages: initial } = this.#isolation;
      writeLimits(this.#out, { type: 0, initial, maximum: initial + own.maximum });
    });
  }

  #writeCode(found: Section | undefined): void {
    const { typeOfFunction, parametersOfType } = this.#outline;
    const bodies = new BodyRewriter({
      bytes: this.#bytes,
      prepaid: this.#prepaid,
      fuelGlobal: this.#fuelGlobal,
      // Behind `weir:refuel`.
      touchFunction: this.#isolation === null ? null : this.#firstAddedFunction + 1,
      offsets: this.#offsets,
    });
    this.#section(section.code, () => {
      this.#out.u32(typeOfFunction.length + this.#added.length);
      const all = (): boolean => true;
      this.#eachBody(found, all, (index) => {
        const parameters = parametersOfType[typeOfFunction[index] ?? 0] ?? 0;
        this.#loops += this.#events.loops;
        bodies.write(this.#out, this.#events, parameters, this.#prepaid.isPrepaid(index));
      });
      this.#offsets?.end(this.#out.length);
      for (const { body } of this.#added) {
        const length = this.#out.openLength();
        this.#out.all(body);
        this.#out.closeLength(length);
      }
    });
  }

  /** Names of functions make traces readable; every other custom section speaks of offsets that have moved. */
  #isNames({ id, start, end }: Section): boolean {
    if (id !== section.custom) return false;
    const reader = new BinaryReader(this.#bytes, start, end);
    const length = reader.u32();
    return (
      length === 4 &&
      Buffer.from(this.#bytes.subarray(reader.at, reader.at + 4)).equals(nameOfNames)
    );
  }

  #copySection({ id, start, end }: Section): void {
    this.#section(id, () => this.#out.copy(this.#bytes, start, end));
  }

  #section(id: number, write: () => void): void {
    this.#out.byte(id);
    const length = this.#out.openLength();
    write();
    this.#out.closeLength(length);
  }

  #fuelledFunctions(): AddedFunction[] {
    const { exports, imports, typeOfFunction, typeStarts } = this.#outline;
    const wanted = new Set(this.#options.fuelledExports);
    return exports
      .filter(({ kind, name, index }) => {
        // What is imported and exported again is the host's own.
        const isOwn = index >= imports.length && index - imports.length < typeOfFunction.length;
        return kind === 'function' && wanted.has(name) && isOwn;
      })
      .map((found) => {
        const type = typeOfFunction[found.index - imports.length] ?? 0;
        const types = functionTypeAt(this.#bytes, typeStarts[type] ?? 0);
        return fuelledFunction(found, types, this.#fuelGlobal);
      });
  }

  get #exportedStart(): number | null {
    return this.#options.exportsStart === true ? this.#outline.startFunction : null;
  }

  get #fuelGlobal(): number {
    return this.#outline.globals.length;
  }

  get #firstAddedFunction(): number {
    return this.#outline.imports.length + this.#outline.typeOfFunction.length;
  }

  #planIsolation(): IsolationPlan {
    const { globals, memory } = this.#outline;
    const savedPagesGlobal = this.#fuelGlobal + 1;
    const mutable = globals.flatMap(({ type, isMutable }, own) =>
      isMutable ? [{ own, type }] : [],
    );
    return {
      hasMemory: memory !== null,
      marksPages: marksPages(this.#options.memoryPagesMax),
      savedPagesGlobal,
      globals: mutable.map(({ own, type }, index) => ({
        own,
        type,
        kept: savedPagesGlobal + 1 + index,
      })),
    };
  }
}

const nameOfNames = Buffer.from('name');

function exportEntry(name: string, kind: number, index: number): number[] {
  return [name.length, ...Buffer.from(name), kind, ...unsigned(index)];
}

/** What the engine has against these bytes, in its own words. */
function engineFault(bytes: Uint8Array): MeterFault {
  try {
    new WebAssembly.Module(bytes);
  } catch (error) {
    if (error instanceof WebAssembly.CompileError)
      return damaged(
        `is not valid WebAssembly: ${error.message.replace('WebAssembly.Module(): ', '')}`,
      );
    throw error;
  }
  return damaged('is not valid WebAssembly');
}
