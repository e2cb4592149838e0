import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseBpfObject } from '#synproxy/bpf-object.ts';
import { readShieldObject, shieldObjectFile } from '#synproxy/shield-object.ts';

const TRIE = 11;
/** Of a node of a trie before its data, in 6.1 and in 6.18 (kernel/bpf/lpm_trie.c): a multiple of eight. */
const prefixBytes = 4;

describe('the value of a trie', {
  skip: existsSync(shieldObjectFile) ? false : 'build/bpf/shield.o is missing: no clang',
}, () => {
  if (!existsSync(shieldObjectFile)) return;
  const { maps, layout } = parseBpfObject(readShieldObject());
  // The others are only read, which may lie anywhere.
  const counted = layout.struct('list_entry').bytes;
  for (const { name, type, keyBytes, valueBytes } of maps)
    if (type === TRIE && valueBytes === counted)
      it(`${name}: begins on a border of eight, where arm64 can add to its counter`, () =>
        assert.equal((keyBytes - prefixBytes) % 8, 0));
});
