/**
 * The type information of the object (BTF): structs, enumerations and map definitions.
 *
 * This is where the user side learns layouts, so `bpf/shield.h` is their only source. A map is a variable
 * of section `.maps` whose struct says numbers as the lengths of arrays pointed to and types as pointees.
 */

import { ByteView } from './byte-view.ts';
import type { FieldLayout, ShieldLayout, StructLayout } from './kernel-map.ts';

export type MapDefinition = {
  readonly name: string;
  readonly type: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly entriesMax: number;
  readonly flags: number;
};

type Type = {
  readonly name: string;
  readonly kind: number;
  readonly count: number;
  readonly size: number;
  readonly at: number;
};

const INT = 1;
const POINTER = 2;
const ARRAY = 3;
const STRUCT = 4;
const UNION = 5;
const ENUM = 6;
const FUNCTION_PROTO = 13;
const VARIABLE = 14;
const DATASEC = 15;
const DECL_TAG = 17;
const ENUM64 = 19;
/** Typedef, volatile, const, restrict, type tag: the type behind them counts. */
const wrappers: ReadonlySet<number> = new Set([8, 9, 10, 11, 18]);
const typesMax = 65_536;
const depthMax = 32;

/** Bytes behind the 12 every type has. */
function extraBytes(kind: number, count: number): number | null {
  if (kind === INT || kind === VARIABLE || kind === DECL_TAG) return 4;
  if (kind === ARRAY) return 12;
  if (kind === STRUCT || kind === UNION || kind === DATASEC || kind === ENUM64) return count * 12;
  if (kind === ENUM || kind === FUNCTION_PROTO) return count * 8;
  return kind >= POINTER && kind <= ENUM64 ? 0 : null;
}

export class Btf implements ShieldLayout {
  readonly #view: ByteView;
  readonly #strings: { readonly start: number; readonly end: number };
  readonly #types: readonly Type[];

  constructor(bytes: Uint8Array) {
    const view = new ByteView(bytes, 'BTF');
    this.#view = view;
    if (view.u16(0) !== 0xeb9f || view.bytes[2] !== 1) throw view.invalid('is of no known version');
    const header = view.u32(4);
    const start = header + view.u32(8);
    const end = start + view.u32(12);
    this.#strings = { start: header + view.u32(16), end: header + view.u32(16) + view.u32(20) };
    view.slice(start, end - start);
    view.slice(this.#strings.start, this.#strings.end - this.#strings.start);
    const types: Type[] = [{ name: 'void', kind: 0, count: 0, size: 0, at: 0 }];
    for (let at = start; at < end; ) {
      const info = view.u32(at + 4);
      const kind = (info >>> 24) & 31;
      const count = info & 0xffff;
      const extra = extraBytes(kind, count);
      if (extra === null || types.length >= typesMax) throw view.invalid(`kind ${kind} at ${at}`);
      types.push({
        name: this.#text(view.u32(at)),
        kind,
        count,
        size: view.u32(at + 8),
        at: at + 12,
      });
      at += 12 + extra;
      if (at > end) throw view.invalid('a type runs over the end');
    }
    this.#types = types;
  }

  struct(name: string): StructLayout {
    const type = this.#types.find((one) => one.kind === STRUCT && one.name === name);
    if (type === undefined) throw this.#view.invalid(`there is no struct ${name}`);
    const fields = new Map<string, FieldLayout>();
    for (const member of this.#members(type)) {
      const behind = this.#strip(member.type);
      const array = behind.kind === ARRAY ? this.#array(behind) : null;
      fields.set(member.name, {
        offset: member.offset,
        bytes: array === null ? this.#size(member.type) : this.#size(array.element),
        count: array?.count ?? 1,
      });
    }
    return {
      bytes: type.size,
      fieldNames: [...fields.keys()],
      field: (wanted) => {
        const field = fields.get(wanted);
        if (field === undefined) throw this.#view.invalid(`struct ${name} has no field ${wanted}`);
        return field;
      },
    };
  }

  enumeration(name: string): ReadonlyMap<string, number> {
    const type = this.#types.find((one) => one.kind === ENUM && one.name === name);
    if (type === undefined) throw this.#view.invalid(`there is no enum ${name}`);
    const prefix = `${name.toUpperCase()}_`;
    const values = new Map<string, number>();
    for (let index = 0; index < type.count; index++) {
      const at = type.at + index * 8;
      const full = this.#text(this.#view.u32(at));
      if (!full.startsWith(prefix))
        throw this.#view.invalid(`${full} does not begin with ${prefix}`);
      values.set(full.slice(prefix.length).toLowerCase(), this.#view.u32(at + 4));
    }
    return values;
  }

  mapDefinitions(): readonly MapDefinition[] {
    return this.#maps().map(({ name, type }) => this.#mapDefinition(name, type));
  }

  /** Names as C has them, of every enumeration that has a name. */
  enumerations(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    const named = this.#types.filter(({ kind, name }) => kind === ENUM && name !== '');
    return new Map(
      named.map((type) => [
        type.name,
        new Map(
          Array.from({ length: type.count }, (_, index) => {
            const at = type.at + index * 8;
            return [this.#text(this.#view.u32(at)), this.#view.u32(at + 4)] as const;
          }),
        ),
      ]),
    );
  }

  /** Fields of what is named: a struct, or key or value of a map; those of structs within it too. */
  fieldsOf(name: string, part: 'struct' | 'key' | 'value'): ReadonlyMap<string, string> {
    const fields = new Map<string, string>();
    if (part === 'struct') {
      const index = this.#types.findIndex((one) => one.kind === STRUCT && one.name === name);
      if (index > 0) this.#collect(fields, index, '', 0, 0);
      return fields;
    }
    const map = this.#maps().find((one) => one.name === name);
    const member = map === undefined ? [] : this.#members(map.type);
    const pointer = member.find((one) => one.name === part);
    if (pointer !== undefined) this.#collect(fields, this.#strip(pointer.type).size, '', 0, 0);
    return fields;
  }

  #collect(
    fields: Map<string, string>,
    index: number,
    path: string,
    offset: number,
    depth: number,
  ): void {
    if (depth > depthMax) throw this.#view.invalid('types nest too deeply');
    const type = this.#strip(index);
    if (type.kind === STRUCT) {
      for (const member of this.#members(type)) {
        const name = path === '' ? member.name : `${path}.${member.name}`;
        this.#collect(fields, member.type, name, offset + member.offset, depth + 1);
      }
      return;
    }
    fields.set(path, `${this.#size(index)} bytes at ${offset}`);
    if (type.kind !== ARRAY) return;
    const { element } = this.#array(type);
    if (this.#strip(element).kind === STRUCT)
      this.#collect(fields, element, `${path}[]`, offset, depth + 1);
  }

  #maps(): readonly { readonly name: string; readonly type: Type }[] {
    const section = this.#types.find(({ kind, name }) => kind === DATASEC && name === '.maps');
    if (section === undefined) return [];
    return Array.from({ length: section.count }, (_, index) => {
      const variable = this.#type(this.#view.u32(section.at + index * 12));
      if (variable.kind !== VARIABLE) throw this.#view.invalid('.maps holds what is no variable');
      return { name: variable.name, type: this.#strip(variable.size) };
    });
  }

  #mapDefinition(name: string, type: Type): MapDefinition {
    const found: Record<string, number> = {};
    for (const member of this.#members(type)) {
      const pointer = this.#strip(member.type);
      if (pointer.kind !== POINTER)
        throw this.#view.invalid(`map ${name}: ${member.name} is no pointer`);
      if (member.name === 'key' || member.name === 'value') {
        found[member.name] = this.#size(pointer.size);
        continue;
      }
      const array = this.#strip(pointer.size);
      if (array.kind !== ARRAY)
        throw this.#view.invalid(`map ${name}: ${member.name} is no number`);
      found[member.name] = this.#array(array).count;
    }
    const { type: mapType, key, value, max_entries: entries, map_flags: flags, ...others } = found;
    const unknown = Object.keys(others);
    if (mapType === undefined || entries === undefined || unknown.length > 0)
      throw this.#view.invalid(`map ${name}: ${unknown[0] ?? 'no type or size'}`);
    return {
      name,
      type: mapType,
      keyBytes: key ?? 0,
      valueBytes: value ?? 0,
      entriesMax: entries,
      flags: flags ?? 0,
    };
  }

  #members(type: Type): readonly { name: string; type: number; offset: number }[] {
    if (type.kind !== STRUCT) throw this.#view.invalid(`${type.name} is no struct`);
    return Array.from({ length: type.count }, (_, index) => {
      const at = type.at + index * 12;
      // No bit fields are used, so the offset is one of bits in whole bytes.
      const bits = this.#view.u32(at + 8);
      if (bits % 8 !== 0) throw this.#view.invalid(`${type.name} has bit fields`);
      return {
        name: this.#text(this.#view.u32(at)),
        type: this.#view.u32(at + 4),
        offset: bits / 8,
      };
    });
  }

  #array(type: Type): { element: number; count: number } {
    return { element: this.#view.u32(type.at), count: this.#view.u32(type.at + 8) };
  }

  #size(index: number, depth = 0): number {
    const type = this.#strip(index);
    if (type.kind === POINTER) return 8;
    if (type.kind !== ARRAY) return type.size;
    if (depth > depthMax) throw this.#view.invalid('types nest too deeply');
    const { element, count } = this.#array(type);
    return count * this.#size(element, depth + 1);
  }

  #strip(index: number): Type {
    let type = this.#type(index);
    for (let depth = 0; wrappers.has(type.kind); depth++) {
      if (depth > depthMax) throw this.#view.invalid('types nest too deeply');
      type = this.#type(type.size);
    }
    return type;
  }

  #type(index: number): Type {
    const type = this.#types[index];
    if (type === undefined) throw this.#view.invalid(`there is no type ${index}`);
    return type;
  }

  #text(offset: number): string {
    return this.#view.text(this.#strings.start, this.#strings.end, offset);
  }
}
