import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type RingMemory, RingReader } from '#synproxy/ring-reader.ts';

const bytes = 4_096;

/** A ring as the kernel writes it, with the data mirrored as its pages are. */
class WrittenRing {
  readonly memory: RingMemory = {
    consumer: new BigInt64Array(1),
    producer: new BigInt64Array(1),
    data: Buffer.from(new ArrayBuffer(2 * bytes)),
    bytes,
  };

  write(text: string, mark = 0): number {
    const at = Number(this.memory.producer[0]);
    this.#set(at, Buffer.from(new Uint32Array([(text.length | mark) >>> 0, 0]).buffer));
    this.#set(at + 8, Buffer.from(text));
    this.memory.producer[0] = BigInt(at + ((8 + text.length + 7) & ~7));
    return at;
  }

  header(at: number, value: number): void {
    this.#set(at, Buffer.from(new Uint32Array([value >>> 0]).buffer));
  }

  #set(at: number, from: Buffer): void {
    for (const [i, byte] of from.entries()) {
      const offset = (at + i) & (bytes - 1);
      this.memory.data[offset] = byte;
      this.memory.data[offset + bytes] = byte;
    }
  }
}

function readAll(reader: RingReader, max = 100): string[] {
  const seen: string[] = [];
  reader.read(
    (data, offset, length) => seen.push(data.toString('latin1', offset, offset + length)),
    max,
  );
  return seen;
}

describe('the reader of a ring', () => {
  it('gives records in order, and each once', () => {
    const ring = new WrittenRing();
    const reader = new RingReader(ring.memory);
    ring.write('one');
    ring.write('twelve bytes');
    assert.deepEqual(readAll(reader), ['one', 'twelve bytes']);
    assert.deepEqual(readAll(reader), []);
    assert.equal(ring.memory.consumer[0], ring.memory.producer[0]);
  });

  it('goes round the end many times', () => {
    const ring = new WrittenRing();
    const reader = new RingReader(ring.memory);
    for (let i = 0; i < 2_000; i++) {
      const text = `record ${i} ${'x'.repeat(i % 90)}`;
      ring.write(text);
      assert.deepEqual(readAll(reader), [text]);
    }
  });

  it('stops before a record that is still written, and goes on when it is there', () => {
    const ring = new WrittenRing();
    const reader = new RingReader(ring.memory);
    ring.write('done');
    const at = ring.write('busy', 0x80000000);
    ring.write('behind');
    assert.deepEqual(readAll(reader), ['done']);
    ring.header(at, 4);
    assert.deepEqual(readAll(reader), ['busy', 'behind']);
  });

  it('leaves out what was given up', () => {
    const ring = new WrittenRing();
    const reader = new RingReader(ring.memory);
    ring.write('no', 0x40000000);
    ring.write('yes');
    assert.deepEqual(readAll(reader), ['yes']);
  });

  it('stops at the bound, says there may be more, and has given room for what it read', () => {
    const ring = new WrittenRing();
    const reader = new RingReader(ring.memory);
    for (let i = 0; i < 5; i++) ring.write(`${i}`);
    assert.equal(
      reader.read(() => undefined, 3),
      true,
    );
    assert.equal(ring.memory.consumer[0], 48n);
    assert.deepEqual(readAll(reader), ['3', '4']);
  });

  it('does not meet a record again that its reader threw at', () => {
    const ring = new WrittenRing();
    const reader = new RingReader(ring.memory);
    ring.write('bad');
    ring.write('good');
    assert.throws(
      () =>
        reader.read(() => {
          throw new Error('no');
        }, 10),
      /no/,
    );
    assert.deepEqual(readAll(reader), ['good']);
  });
});
