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

  change(fields: Readonly<Record<string, number | bigint>>): void {
    const value = this.#read();
    for (const [name, number] of Object.entries(fields)) {
      const { offset, bytes } = this.#struct.field(name);
      const limit = 1n << BigInt(bytes * 8);
      const wanted = BigInt(number);
      assert(wanted >= 0n && wanted < limit, `${name} of ${wanted} does not fit ${bytes} bytes`);
      for (let i = 0; i < bytes; i++) value[offset + i] = Number((wanted >> BigInt(i * 8)) & 0xffn);
    }
    this.#map.update(this.#key, value);
  }

  get(name: string): bigint {
    const value = this.#read();
    const { offset, bytes } = this.#struct.field(name);
    let number = 0n;
    for (let i = bytes - 1; i >= 0; i--) number = (number << 8n) | BigInt(value[offset + i] ?? 0);
    return number;
  }

  /** By its name in `enum shield_flag`: `cookies`, `rate` … */
  flag(name: string, on: boolean): void {
    const bit = this.#flags.get(name);
    assert(bit !== undefined, `there is no flag ${name}`);
    const flags = Number(this.get('flags'));
    this.change({ flags: (on ? flags | bit : flags & ~bit) >>> 0 });
  }

  #read(): Uint8Array {
    const value = new Uint8Array(this.#struct.bytes);
    this.#map.lookup(this.#key, value);
    return value;
  }
}
