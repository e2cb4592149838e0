/**
 * The cookies of a request, over all its Cookie fields (RFC 6265, 5.4; HTTP/2 may send one a field).
 *
 * ```ts
 * const cookies = new Cookies(request);
 * if (cookies.find('session')) … cookies.valueAt, cookies.valueLength …
 * ```
 *
 * Names and values are as they came, without the blanks around them; quotes belong to the value. A part
 * without `=` is a value without a name, as browsers have it.
 */
import { equals } from './matcher';
import { Request } from './request';
import { findByte } from './scan';

const semicolon: u8 = 0x3b;
const equalsSign: u8 = 0x3d;

export class Cookies {
  private header: i32 = -1;
  private position: usize = 0;
  private end: usize = 0;
  nameAt: usize = 0;
  nameLength: i32 = 0;
  valueAt: usize = 0;
  valueLength: i32 = 0;

  constructor(private request: Request) {}

  /** Goes on to the next cookie; false when there is none. */
  next(): bool {
    while (true) {
      while (this.position < this.end) {
        const stop = findByte(this.position, this.end, semicolon);
        const start = skipBlanks(this.position, stop);
        this.position = stop + 1;
        if (start == stop) continue;
        const sign = findByte(start, stop, equalsSign);
        const named = sign < stop;
        this.nameAt = start;
        this.nameLength = named ? trimmed(start, sign) : 0;
        this.valueAt = named ? skipBlanks(sign + 1, stop) : start;
        this.valueLength = trimmed(this.valueAt, stop);
        return true;
      }
      this.header = this.request.find('cookie', this.header + 1);
      if (this.header < 0) {
        // Asked again, it is still at the end.
        this.header = this.request.headerCount;
        return false;
      }
      const field = this.request.header(this.header);
      this.position = this.request.valueAt(field);
      this.end = this.position + field.valueLength;
    }
  }

  /** From here on to the next cookie of this name; false when there is none. Names differ by case. */
  find(name: string): bool {
    while (this.next()) if (equals(this.nameAt, this.nameLength, name)) return true;
    return false;
  }

  /** Goes back to before the first. */
  rewind(): void {
    this.header = -1;
    this.position = this.end = 0;
  }
}

function skipBlanks(at: usize, end: usize): usize {
  while (at < end && isBlank(load<u8>(at))) at++;
  return at;
}

function trimmed(at: usize, end: usize): i32 {
  while (end > at && isBlank(load<u8>(end - 1))) end--;
  return <i32>(end - at);
}

function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 0x09;
}
