/** The worked example of `wasm-rules/abi.md` is what the host writes. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodeRequestHead, viewBytesMax } from '#wasm/abi.ts';
import { phase } from '#wasm/filter.ts';
import { GuestMemory } from '#wasm/guest-memory.ts';
import { testLimits } from '../support/guests.ts';
import { viewOf } from '../support/view.ts';

const limits = { ...testLimits, headBytesMax: 4_096, headersMax: 10 };

/** The first example of the page, or the one after it. */
function exampleBytes(index = 0): Buffer {
  const document = readFileSync(join(import.meta.dirname, '../../wasm-rules/abi.md'), 'utf8');
  const [, dump] =
    [...document.matchAll(/```hex\n([^`]*)```/g)][index] ?? assert.fail('no hex dump in abi.md');
  return Buffer.from((dump ?? '').replace(/^[0-9a-f]{4} /gm, '').replace(/\s/g, ''), 'hex');
}

describe('the packed request head', () => {
  it('is the worked example of the document, wherever the head lies in its buffer', () => {
    const expected = exampleBytes();
    assert.equal(expected.length, 125);
    for (const before of [0, 3, 1000]) {
      const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
      const view = viewOf({ target: '/a?b=1', headers: [['Host', 'x.example']], before });
      encodeRequestHead(view, { clientAddress: '192.0.2.7', tls: true }, limits, memory, 64);
      assert.deepEqual(memory.bytes.subarray(64, 64 + expected.length), expected);
      assert.equal(
        memory.bytes.subarray(64 + expected.length).findIndex((byte) => byte !== 0),
        -1,
      );
    }
  });

  it('is the worked example with a connection record, behind what was there before', () => {
    const before = exampleBytes();
    before.writeUInt32LE(0xa5, 0);
    before.writeUInt32LE(5, 4);
    const expected = Buffer.concat([before, Buffer.alloc(3), exampleBytes(1)]);
    assert.equal(expected.length, 0xa5);
    const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
    const view = viewOf({ target: '/a?b=1', headers: [['Host', 'x.example']] });
    const certificate = { subject: 'CN=a', sha256: '0f', verified: true };
    const facts = { clientAddress: '192.0.2.7', tls: true, ja4: 't13', certificate };
    encodeRequestHead(view, facts, limits, memory, 64);
    assert.deepEqual(memory.bytes.subarray(64, 64 + expected.length), expected);
  });

  it('never needs more than the guest was asked for', () => {
    const headers = Array.from(
      { length: limits.headersMax },
      (_, index) => [`X-${index}`, 'v'] as const,
    );
    const short = viewOf({ target: '/', headers });
    const target = `/${'t'.repeat(limits.headBytesMax - short.end)}`;
    const view = viewOf({ target, headers });
    assert.equal(view.end, limits.headBytesMax);
    const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
    const certificate = { subject: 's'.repeat(540), sha256: '0'.repeat(64), verified: false };
    const facts = { clientAddress: 'f'.repeat(64), tls: true, ja4: 'j'.repeat(36), certificate };
    encodeRequestHead(view, facts, limits, memory, 0);
    assert((memory.words[0] ?? 0) <= viewBytesMax(limits, phase.requestHead));
    assert.throws(
      () => encodeRequestHead(viewOf({ target: `${target}t`, headers }), facts, limits, memory, 0),
      /assertion failed/,
    );
    assert.throws(
      () =>
        encodeRequestHead(
          viewOf({ target: '/', headers: [...headers, ['X', 'y']] }),
          facts,
          limits,
          memory,
          0,
        ),
      /assertion failed/,
    );
    assert.throws(
      () =>
        encodeRequestHead(short, { clientAddress: 'f'.repeat(65), tls: false }, limits, memory, 0),
      /assertion failed/,
    );
    assert.throws(
      () => encodeRequestHead(short, { ...facts, ja4: 'j'.repeat(37) }, limits, memory, 0),
      /assertion failed/,
    );
  });
});
