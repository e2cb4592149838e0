import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { WeirError } from '#core/errors.ts';
import { parseBpfObject } from '#synproxy/bpf-object.ts';
import { readableLog } from '#synproxy/bpf-program.ts';
import { parseElf } from '#synproxy/elf.ts';
import { shieldObjectFile } from '#synproxy/shield-object.ts';

const skip = existsSync(shieldObjectFile) ? false : 'build/bpf/shield.o is missing: no clang';

function parses(bytes: Uint8Array): boolean {
  try {
    const { layout } = parseBpfObject(bytes);
    layout.struct('event');
    layout.enumeration('verdict');
    return true;
  } catch (error) {
    if (error instanceof WeirError && error.code === 'KERNEL_OBJECT_INVALID') return false;
    throw error;
  }
}

describe('an object that is not as it was built', { skip }, () => {
  const whole = skip === false ? readFileSync(shieldObjectFile) : Buffer.alloc(0);

  it('is read where it is whole', () => assert.equal(parses(whole), true));

  it('is refused where it is cut, wherever that is', () => {
    // Section headers stand last, so nothing that is cut is whole.
    for (let length = 0; length < whole.length; length += 97)
      assert.equal(parses(whole.subarray(0, length)), false, `${length} bytes`);
  });

  it('is refused or read where bytes are wrong, and nothing else happens', () => {
    let refused = 0;
    const btf = whole.indexOf(Buffer.from([0x9f, 0xeb, 1, 0]));
    const headers = Number(whole.readBigUInt64LE(40));
    for (const start of [0, btf, btf + 24, headers])
      for (let at = start; at < Math.min(start + 600, whole.length); at++)
        for (const value of [0, 0x7f, 0xff]) {
          const bytes = Buffer.from(whole);
          bytes[at] = value;
          if (!parses(bytes)) refused++;
        }
    assert.ok(refused > 100, `${refused}`);
  });

  it('is refused by name where a relocation is of another kind', () => {
    const relocations = parseElf(whole).section('.relxdp')?.bytes;
    assert.ok(relocations !== undefined);
    const at = relocations.byteOffset - whole.byteOffset;
    const bytes = Buffer.from(whole);
    bytes.writeUInt32LE(10, at + 8);
    assert.throws(() => parseBpfObject(bytes), /relocation of type 10/);
  });
});

describe('the log of the verifier', () => {
  it('is cut to its last words, without the states of registers', () => {
    const log = [
      'func#0 @0',
      '; if (x) @ parse.h:12',
      '3: (71) r5 = *(u8 *)(r2 +0) ; R2=pkt(r=0) R10=fp0',
      'math between pkt pointer and register with unbounded min value is not allowed',
      'R2 pointer arithmetic with += operator prohibited for !root',
      'processed 12 insns (limit 1000000)',
      '',
    ].join('\n');
    assert.deepEqual(readableLog(log), [
      'func#0 @0',
      '; if (x) @ parse.h:12',
      '3: (71) r5 = *(u8 *)(r2 +0)',
      'math between pkt pointer and register with unbounded min value is not allowed',
      'R2 pointer arithmetic with += operator prohibited for !root',
      'CAP_PERFMON is missing',
    ]);
  });
});
