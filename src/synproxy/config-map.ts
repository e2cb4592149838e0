/** The one entry of map `config`, changed field by field. One process writes it, so nothing is lost between. */
import { assert } from '#core/assert.ts';
import type { KernelMap, ShieldLayout, StructLayout } from './kernel-map.ts';

export class ShieldConfigMap {
  readonly #map: KernelMap;
  readonly #struct: StructLayout;
  readonly #flags: ReadonlyMap<string, number>;
  readonly #key = new Uint8Array(4);

  constructor(map: KernelMap, layout: ShieldLayout) {
    this.#map = map;
    this.#struct = layout.struct('shield_config');
    this.#flags = layout.enumeration('shield_flag');
  }

  /** Fields, and flags by their name in `enum shield_flag`, in one write. */
  change(
    fields: Readonly<Record<string, number | bigint>>,
    flags: Readonly<Record<string, boolean>> = {},
  ): void {
    const value = this.#read();
    this.#set(value, fields);
    if (Object.keys(flags).length > 0) this.#set(value, { flags: this.#flagged(value, flags) });
    this.#map.update(this.#key, value);
  }

  /** A field that is an array, whole. */
  fill(name: string, bytes: Uint8Array): void {
    const value = this.#read();
    const { offset, room } = this.field(name);
    assert(bytes.length === room, `${name} has ${room} bytes, not ${bytes.length}`);
    value.set(bytes, offset);
    this.#map.update(this.#key, value);
  }

  bytes(name: string): Uint8Array {
    const { offset, room } = this.field(name);
    return this.#read().slice(offset, offset + room);
  }

  /** Where it lies, and how many bytes all of it has. */
  field(name: string): { readonly offset: number; readonly room: number } {
    const { offset, bytes, count } = this.#struct.field(name);
    return { offset, room: bytes * count };
  }

  get(name: string): bigint {
    return this.#get(this.#read(), name);
  }

  /** By its name in `enum shield_flag`: `cookies`, `rate` … */
  flag(name: string, on: boolean): void {
    this.change({}, { [name]: on });
  }

  #flagged(value: Uint8Array, flags: Readonly<Record<string, boolean>>): number {
    let word = Number(this.#get(value, 'flags'));
    for (const [name, on] of Object.entries(flags)) {
      const bit = this.#flags.get(name);
      assert(bit !== undefined, `there is no flag ${name}`);
      word = on ? word | bit : word & ~bit;
    }
    return word >>> 0;
  }

  #set(value: Uint8Array, fields: Readonly<Record<string, number | bigint>>): void {
    for (const [name, number] of Object.entries(fields)) {
      const { offset, bytes } = this.#struct.field(name);
      const limit = 1n << BigInt(bytes * 8);
      const wanted = BigInt(number);
      assert(wanted >= 0n && wanted < limit, `${name} of ${wanted} does not fit ${bytes} bytes`);
      for (let i = 0; i < bytes; i++) value[offset + i] = Number((wanted >> BigInt(i * 8)) & 0xffn);
    }
  }

  #get(value: Uint8Array, name: string): bigint {
    const { offset, bytes } = this.#struct.field(name);
    let number = 0n;
    for (let i = bytes - 1; i >= 0; i--) number = (number << 8n) | BigInt(value[offset + i] ?? 0);
    return number;
  }

  #read(): Uint8Array {
    const value = new Uint8Array(this.#struct.bytes);
    this.#map.lookup(this.#key, value);
    return value;
  }
}
