/**
 * The parameters of a query or a form body, one after the other, as they came or decoded.
 *
 * ```ts
 * const query = new Parameters(request.queryAt, request.queryLength);
 * while (query.next()) if (query.is('redirect')) { query.decode(); … query.at, query.length … }
 * ```
 *
 * Between `&`; a part without `=` has an empty value; empty parts are passed over. How a backend reads
 * `;` differs, so it is left in the value.
 */
import { equals } from './matcher';
import * as percent from './percent';
import { findByte } from './scan';

const ampersand: u8 = 0x26;
const equalsSign: u8 = 0x3d;

export class Parameters {
  private position: usize;
  private end: usize;
  nameAt: usize = 0;
  nameLength: i32 = 0;
  valueAt: usize = 0;
  valueLength: i32 = 0;
  /** False for a part without `=`. */
  hasValue: bool = false;
  /** The value decoded, after `decode()`. */
  at: usize = 0;
  length: i32 = 0;

  constructor(
    private begin: usize,
    length: i32,
  ) {
    this.position = begin;
    this.end = begin + length;
  }

  /** Goes on to the next parameter; false when there is none. */
  next(): bool {
    while (this.position < this.end) {
      const start = this.position;
      const stop = findByte(start, this.end, ampersand);
      this.position = stop + 1;
      if (stop == start) continue;
      const sign = findByte(start, stop, equalsSign);
      this.nameAt = start;
      this.nameLength = <i32>(sign - start);
      this.hasValue = sign < stop;
      this.valueAt = this.hasValue ? sign + 1 : stop;
      this.valueLength = <i32>(stop - this.valueAt);
      return true;
    }
    return false;
  }

  /** Goes back to before the first. */
  rewind(): void {
    this.position = this.begin;
  }

  /** From here on to the next parameter of this name; false when there is none. */
  find(name: string): bool {
    while (this.next()) if (this.is(name)) return true;
    return false;
  }

  /** True when this is its name, once decoded. */
  is(name: string): bool {
    percent.decode(this.nameAt, this.nameLength, true);
    return equals(percent.decodedAt, percent.decodedLength, name);
  }

  /** Decodes the value into `at` and `length`; `+` is a blank. */
  decode(): void {
    percent.decode(this.valueAt, this.valueLength, true);
    this.at = percent.decodedAt;
    this.length = percent.decodedLength;
  }

  /** Decodes the name into `at` and `length`. */
  decodeName(): void {
    percent.decode(this.nameAt, this.nameLength, true);
    this.at = percent.decodedAt;
    this.length = percent.decodedLength;
  }
}
