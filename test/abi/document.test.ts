/** The worked example of `wasm-rules/abi.md` is what the host writes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodeRequestHead, viewBytesMax } from '#wasm/abi.ts';
import { GuestMemory } from '#wasm/guest-memory.ts';
import { viewOf } from '../support/view.ts';

const limits = { headBytesMax: 4_096, headersMax: 10 };

function exampleBytes(): Buffer {
  const document = readFileSync(join(import.meta.dirname, '../../wasm-rules/abi.md'), 'utf8');
  const [, dump] = /```hex\n([^`]*)```/.exec(document) ?? assert.fail('no hex dump in abi.md');
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
    const facts = { clientAddress: 'f'.repeat(64), tls: false };
    encodeRequestHead(view, facts, limits, memory, 0);
    assert((memory.words[0] ?? 0) <= viewBytesMax(limits));
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
  });
});
