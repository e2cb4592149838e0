/** What goes in comes out, in its order, and what is alike is said once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlockItem } from '#roles/ipc.ts';
import { packBlocks, unpackBlocks } from '#roles/packed-blocks.ts';

const address = (at: number): string => `198.18.${at >> 8}.${at & 255}`;

describe('entries of the block list between processes', () => {
  it('say what they have in common once', () => {
    const items = Array.from(
      { length: 1_000 },
      (_, at): BlockItem => ({
        target: address(at),
        expiresAtMs: 5,
        action: 'drop',
      }),
    );
    const packed = packBlocks(items);
    assert.equal(packed.length, 1);
    assert.deepEqual(unpackBlocks(packed), items);
  });

  it('come out as they went in, whatever stands beside what', () => {
    const ends = [null, 1, 2];
    const actions = ['drop', 'monitor', 'challenge'] as const;
    const items = Array.from(
      { length: 500 },
      (_, at): BlockItem => ({
        target: at % 7 === 0 ? `2001:db8::${at.toString(16)}/128` : address(at),
        expiresAtMs: ends[(at >> 2) % 3] ?? null,
        action: actions[(at * 7) % 3] ?? 'drop',
      }),
    );
    assert.deepEqual(unpackBlocks(packBlocks(items)), items);
  });

  it('are drops where nothing is said, and nothing where there is none', () => {
    const item = { target: '192.0.2.1', expiresAtMs: null };
    assert.deepEqual(unpackBlocks(packBlocks([item])), [{ ...item, action: 'drop' }]);
    assert.deepEqual(unpackBlocks(packBlocks([])), []);
  });
});
