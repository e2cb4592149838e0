/**
 * The data section of an MMDB file: typed values, maps of them, pointers between them.
 *
 * A value is found by walking to it and never by building what lies around it. The bytes may be hostile:
 * every read is checked, a pointer may not point at a pointer, and depth and steps are bounded, so a walk
 * ends soon whatever the file says.
 *
 * Format: https://maxmind.github.io/MaxMind-DB/, "Output Data Section".
 */

/** Values looked at or passed over in one walk. */
const stepsMax = 4_096;
const depthMax = 16;
/** Longest text that is taken out. */
export const textBytesMax = 4_096;

const type = {
  pointer: 1,
  utf8: 2,
  double: 3,
  uint16: 5,
  uint32: 6,
  map: 7,
  int32: 8,
  uint64: 9,
  uint128: 10,
  array: 11,
  boolean: 14,
  float: 15,
} as const;

/** Not of the file as such: of the place that was asked for. */
export class MmdbDamage extends Error {
  override readonly name = 'MmdbDamage';
}

/** Scalars as they are; maps and arrays only as what they are. */
export type MmdbValue = string | number | bigint | boolean | 'map' | 'array';

export class MmdbData {
  readonly #bytes: Buffer;
  #steps = 0;
  // The value whose control bytes were read last.
  #type = 0;
  #size = 0;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /**
   * The scalar at `path` of the value at `offset`, as text: numbers in decimal. Null where there is
   * nothing, or a map, an array or bytes. Throws `MmdbDamage`.
   */
  textAt(offset: number, path: readonly Buffer[]): string | null {
    this.#steps = stepsMax;
    return this.#walk(offset, path) ? this.#text() : null;
  }

  /** Whether the path ends at a value, whose control bytes are then read. */
  #walk(offset: number, path: readonly Buffer[]): boolean {
    this.#enter(offset);
    for (const key of path) {
      const found =
        this.#type === type.map
          ? this.#findKey(key)
          : this.#type === type.array && this.#findIndex(key);
      if (!found) return false;
    }
    return true;
  }

  #findKey(key: Buffer): boolean {
    let at = this.#at;
    for (let left = this.#size; left > 0; left--) {
      const afterKey = this.#read(at);
      if (this.#type !== type.utf8) throw new MmdbDamage('a key of a map is no text');
      const isKey =
        this.#size === key.length &&
        key.compare(this.#bytes, this.#at, this.#at + this.#size) === 0;
      if (isKey) {
        this.#enter(afterKey);
        return true;
      }
      at = this.#skip(afterKey, 0);
    }
    return false;
  }

  #findIndex(key: Buffer): boolean {
    const text = key.toString('latin1');
    if (!/^(?:0|[1-9][0-9]{0,3})$/.test(text)) return false;
    const index = Number(text);
    if (index >= this.#size) return false;
    let at = this.#at;
    for (let left = index; left > 0; left--) at = this.#skip(at, 0);
    this.#enter(at);
    return true;
  }

  /** Reads control bytes, through a pointer. */
  #enter(offset: number): void {
    this.#read(offset);
  }

  /**
   * Reads the control bytes at `offset`, through a pointer. Returns where the next value follows for
   * scalars; for maps and arrays their content does, see `#skip`.
   */
  #read(offset: number): number {
    const next = this.#control(offset);
    if (this.#type !== type.pointer)
      return this.#isNested() ? this.#at : this.#at + this.#bytesOf();
    this.#control(this.#size);
    if (this.#type === type.pointer) throw new MmdbDamage('a pointer points at a pointer');
    if (!this.#isNested()) this.#need(this.#at, this.#bytesOf());
    return next;
  }

  /** Where what follows the value at `offset` begins. */
  #skip(offset: number, depth: number): number {
    if (depth > depthMax) throw new MmdbDamage(`nested deeper than ${depthMax}`);
    const next = this.#control(offset);
    if (this.#type === type.pointer) return next;
    if (!this.#isNested()) return this.#at + this.#bytesOf();
    let at = this.#at;
    const values = this.#type === type.map ? this.#size * 2 : this.#size;
    for (let left = values; left > 0; left--) at = this.#skip(at, depth + 1);
    return at;
  }

  #isNested(): boolean {
    return this.#type === type.map || this.#type === type.array;
  }

  /** Of a scalar, behind its control bytes. */
  #bytesOf(): number {
    const bytes = this.#type === type.boolean ? 0 : this.#size;
    this.#need(this.#at, bytes);
    return bytes;
  }

  /**
   * Sets type, size and where the content begins; for a pointer the size is where it leads, and the
   * answer is where the next value follows.
   */
  #control(offset: number): number {
    if (--this.#steps < 0) throw new MmdbDamage(`more than ${stepsMax} values on the way`);
    const control = this.#byte(offset);
    let at = offset + 1;
    let kind = control >> 5;
    const low = control & 31;
    if (kind === type.pointer) return this.#pointer(control, at);
    if (kind === 0) kind = this.#byte(at++) + 7;
    this.#type = kind;
    if (low < 29) this.#size = low;
    else {
      const extra = low - 28;
      this.#size = [29, 285, 65_821][extra - 1] as number;
      this.#size += this.#number(at, extra);
      at += extra;
    }
    this.#at = at;
    return at;
  }

  #pointer(control: number, at: number): number {
    const sizeBits = (control >> 3) & 3;
    const extra = sizeBits + 1;
    const rest = this.#number(at, extra);
    const top = sizeBits === 3 ? 0 : (control & 7) * 2 ** (8 * extra);
    this.#type = type.pointer;
    this.#size = rest + top + ([0, 2_048, 526_336, 0][sizeBits] as number);
    return at + extra;
  }

  #text(): string | null {
    const at = this.#at;
    const size = this.#size;
    switch (this.#type) {
      case type.utf8:
        return size > textBytesMax ? null : this.#bytes.toString('utf8', at, at + size);
      case type.double:
        return size === 8 ? String(this.#bytes.readDoubleBE(at)) : null;
      case type.float:
        return size === 4 ? String(this.#bytes.readFloatBE(at)) : null;
      case type.boolean:
        return size === 0 ? 'false' : size === 1 ? 'true' : null;
      case type.int32:
        return size > 4
          ? null
          : String(size === 4 ? this.#number(at, 4) | 0 : this.#number(at, size));
      case type.uint16:
      case type.uint32:
        return size > 4 ? null : String(this.#number(at, size));
      case type.uint64:
      case type.uint128: {
        if (size > 16) return null;
        const hex = this.#bytes.toString('hex', at, at + size);
        return hex === '' ? '0' : BigInt(`0x${hex}`).toString();
      }
      default:
        return null;
    }
  }

  #number(at: number, bytes: number): number {
    this.#need(at, bytes);
    let value = 0;
    for (let i = 0; i < bytes; i++) value = value * 256 + (this.#bytes[at + i] as number);
    return value;
  }

  #byte(at: number): number {
    this.#need(at, 1);
    return this.#bytes[at] as number;
  }

  #need(at: number, bytes: number): void {
    if (at < 0 || at + bytes > this.#bytes.length)
      throw new MmdbDamage(`${bytes} bytes at ${at} lie behind the end of the data`);
  }
}
