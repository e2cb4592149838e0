/**
 * The fields of one decoded block, already in the shape of HTTP/1.1 lines, so that a head or a trailer
 * section is made of them by copying runs:
 *
 * ```
 * bytes    :path: /a\r\nuser-agent: x\r\naccept: y\r\n …
 * offsets  name start, name end, value start, value end of each
 * ```
 *
 * One list a worker, filled and used up within one callback. A list over its limit keeps being decoded,
 * as the table of the session has to follow, but its fields are written over one another. That ends where it
 * unpacks to several times the limit: a byte that names a field of 4 KB costs as much as the field, and a
 * block of such bytes held a worker for 0.7 s.
 */
import { tableBytesMax } from './dynamic-table.ts';

/** What the size of a list counts for each field (RFC 9113 section 6.5.2). */
const fieldOverhead = 32;
/** A list so many times its limit is decoded no further; the session cannot go on then. */
const unpackedTimesMax = 4;

export class FieldList {
  bytes: Buffer = Buffer.alloc(0);
  offsets = new Uint32Array(0);
  /** What each field means to the codec; whoever checks a list fills it. */
  kinds = new Uint8Array(0);
  count = 0;
  /** Larger, or of more fields, than allowed: what is here is not to be used. */
  overflow = false;
  /** The field being decoded holds a string that was too long to keep. */
  skipped = false;
  /** Where the next byte goes. */
  at = 0;
  #size = 0;
  #bytesMax = 0;
  #fieldsMax = 0;

  /** It unpacks to so much that the rest of it is not worth the work. */
  get isBomb(): boolean {
    return this.#size > this.#bytesMax * unpackedTimesMax;
  }

  reset(bytesMax: number, fieldsMax: number): void {
    if (this.#bytesMax !== bytesMax || this.#fieldsMax !== fieldsMax) {
      this.#bytesMax = bytesMax;
      this.#fieldsMax = fieldsMax;
      // A field begins below the limit, and one that a table takes fits behind it whole.
      this.bytes = Buffer.allocUnsafeSlow(bytesMax + fieldsMax * 4 + tableBytesMax * 2);
      this.offsets = new Uint32Array(fieldsMax * 4);
      this.kinds = new Uint8Array(fieldsMax);
    }
    this.count = 0;
    this.overflow = false;
    this.skipped = false;
    this.at = 0;
    this.#size = 0;
  }

  skip(): void {
    this.overflow = true;
    this.skipped = true;
  }

  /** Takes the field written at `nameStart`; the value ends at `at`, which moves behind the line end. */
  close(nameStart: number, nameEnd: number, valueStart: number): void {
    const { bytes } = this;
    const valueEnd = this.at;
    this.#size += nameEnd - nameStart + valueEnd - valueStart + fieldOverhead;
    if (this.#size > this.#bytesMax || this.count === this.#fieldsMax) this.overflow = true;
    if (this.overflow) {
      this.at = 0;
      this.skipped = false;
      return;
    }
    const slot = this.count * 4;
    this.offsets[slot] = nameStart;
    this.offsets[slot + 1] = nameEnd;
    this.offsets[slot + 2] = valueStart;
    this.offsets[slot + 3] = valueEnd;
    bytes[valueEnd] = 13;
    bytes[valueEnd + 1] = 10;
    this.at = valueEnd + 2;
    this.count++;
  }
}
