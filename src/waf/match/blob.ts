/** Writes a blob of `format.ts`: a head of words, then parts at multiples of 16. */
export class Blob {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #end: number;

  constructor(kind: number, headWords: number) {
    this.#end = aligned(headWords * 4);
    this.setWord(0, kind);
  }

  setWord(index: number, value: number): void {
    this.#view.setUint32(index * 4, value, true);
  }

  /** Its offset. */
  add(part: Uint8Array | Uint16Array | Uint32Array | BigUint64Array): number {
    const offset = this.#end;
    this.#end = aligned(offset + part.byteLength);
    while (this.#end > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset);
    return offset;
  }

  finish(): Uint8Array {
    this.setWord(1, this.#end);
    return this.#bytes.slice(0, this.#end);
  }
}

function aligned(offset: number): number {
  return (offset + 15) & ~15;
}
