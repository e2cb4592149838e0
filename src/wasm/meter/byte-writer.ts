/** Bytes that grow: what the rewriter writes into, with the numbers of the binary format. */
export class ByteWriter {
  #bytes: Uint8Array;
  length = 0;

  constructor(bytesExpected: number) {
    this.#bytes = new Uint8Array(Math.max(64, bytesExpected));
  }

  /** What was written; a view of this writer's memory. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** Makes room; after it up to `count` bytes may be written by `put`. */
  reserve(count: number): void {
    const wanted = this.length + count;
    if (wanted <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
    larger.set(this.written);
    this.#bytes = larger;
  }

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.reserve(1);
    this.#bytes[this.length++] = value;
  }

  all(values: readonly number[]): void {
    for (const value of values) this.byte(value);
  }

  u32(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  s32(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  copy(from: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (count <= 0) return;
    this.reserve(count);
    const bytes = this.#bytes;
    let at = this.length;
    // Most pieces are a few bytes long; a view for each would cost more than the copy.
    if (count < 48) for (let i = start; i < end; i++) bytes[at++] = from[i] ?? 0;
    else bytes.set(from.subarray(start, end), at);
    this.length += count;
  }

  /** Five bytes for a length that is known later; the format allows numbers with padding. */
  openLength(): number {
    this.reserve(5);
    this.length += 5;
    return this.length;
  }

  /** `opened` is what `openLength` returned: everything written since is what the length counts. */
  closeLength(opened: number): void {
    let rest = this.length - opened;
    for (let at = opened - 5; at < opened - 1; at++) {
      this.#bytes[at] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[opened - 1] = rest;
  }
}
