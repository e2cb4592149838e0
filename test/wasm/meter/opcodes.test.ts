/**
 * The table of instructions against the engine's own reading: an instruction whose length the two see
 * differently would let a module hide code from the meter.
 *
 * Each opcode stands in code that is never reached, where the engine takes any operands, with immediates
 * that are right by the table and would be nonsense as opcodes, and with an instruction behind it that
 * would be nonsense as an immediate. The engine takes the whole only if it sees the same borders.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MeterFault } from '#wasm/meter/meter-fault.ts';
import { meterModule } from '#wasm/meter/meter-module.ts';
import { follows, followsBulk, followsOpcode, followsSimd } from '#wasm/meter/opcodes.ts';
import { leb, section, vector } from '../../support/wasm-text.ts';

/** Of everything that is named by number there are so many; as an opcode the last is reserved. */
const things = 31;
const last = things - 1;
const end = 0x0b;

function times(item: readonly number[]): number[] {
  return vector(Array.from({ length: things }, () => item));
}

/** A function with `code` in the middle of 31 blocks and behind an `unreachable`. */
function moduleWith(code: readonly number[]): Uint8Array {
  const blocks = Array.from({ length: things }, () => [0x02, 0x40]).flat();
  const behind = [0x41, last, 0x1a, 0x00];
  const ends = Array.from({ length: things }, () => end);
  const body = [...[1, things, 0x7f], ...blocks, 0x00, ...code, ...behind, ...ends, end];
  const bodies = [
    [...leb(body.length), ...body],
    ...Array.from({ length: last }, () => [2, 0, end]),
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, times([0x60, 0, 0])),
    ...section(3, vector(Array.from({ length: things }, (_, type) => [type]))),
    ...section(4, vector(Array.from({ length: tables }, () => [0x70, 0, 1]))),
    ...section(5, [1, 0, 1]),
    ...section(6, times([0x7f, 1, 0x41, 0, end])),
    ...section(9, times([1, 0, 1, last])),
    ...section(12, [things]),
    ...section(10, vector(bodies)),
    ...section(11, times([1, 0])),
  ]);
}

/** As many as the rewriter takes; as an opcode 0x09 is `rethrow`, which needs a `catch` around it. */
const tables = 16;
const lastTable = 9;

function immediates(kind: number | undefined): number[] {
  switch (kind) {
    case follows.nothing:
      return [];
    case follows.blockType:
      return [0x40];
    case follows.memoryArgument:
      return [0x00, 0xff, 0x01];
    case follows.s32:
      return [0xff, 0xff, 0xff, 0xff, 0x07];
    case follows.s64:
      return [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];
    case follows.fourBytes:
      return [0xff, 0xff, 0xff, 0xff];
    case follows.eightBytes:
      return new Array(8).fill(0xff);
    case follows.branchTable:
      return [2, last, last, last];
    case follows.types:
      return [1, 0x7f];
    case follows.referenceType:
      return [0x70];
    case follows.sixteenBytes:
      return new Array(16).fill(last);
    case follows.lane:
      return [1];
    case follows.memoryArgumentAndLane:
      return [0x00, 0xff, 0x01, 1];
    default:
      return [last];
  }
}

/** What the kind alone does not say. */
const special: ReadonlyMap<string, readonly number[]> = new Map([
  // Immediates that are not `last`, because there are fewer tables and one memory.
  ['11', [last, lastTable]],
  ['13', [last, lastTable]],
  ['25', [lastTable]],
  ['26', [lastTable]],
  ['3f', [0x80, 0x80, 0x00]],
  ['40', [0x80, 0x80, 0x00]],
  ['fc 8', [last, 0x80, 0x80, 0x00]],
  ['fc a', [0x80, 0x80, 0x00, 0x80, 0x80, 0x00]],
  ['fc b', [0x80, 0x80, 0x00]],
  ['fc c', [last, lastTable]],
  ['fc e', [lastTable, lastTable]],
  ['fc f', [lastTable]],
  ['fc 10', [lastTable]],
  ['fc 11', [lastTable]],
  // Blocks are closed again.
  ['2', [0x40, end]],
  ['3', [0x40, end]],
  ['4', [0x40, end]],
]);

/** SIMD numbers that stand for no instruction. */
const holes = new Set([
  0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2,
  0xd3, 0xd4, 0xe2, 0xee,
]);

const options = { fuelAtStart: 1_000, memoryPagesMax: 16, isolates: false } as const;

function check(name: string, opcodeBytes: readonly number[], kind: number | undefined): void {
  const module = moduleWith([...opcodeBytes, ...(special.get(name) ?? immediates(kind))]);
  try {
    new WebAssembly.Module(module);
  } catch (error) {
    assert.fail(`${name}: the table takes what the engine refuses: ${String(error)}`);
  }
  const metered = meterModule(module, options).bytes;
  assert(WebAssembly.validate(metered), `${name}: the rewriter's work is not valid`);
}

const refuses = (code: readonly number[], message: RegExp): void => {
  assert.throws(
    () => meterModule(moduleWith(code), options),
    (error: unknown) => error instanceof MeterFault && message.test(error.message),
    code.map((byte) => byte.toString(16)).join(' '),
  );
};

describe('the engine sees the same borders', () => {
  it('of instructions of one byte', () => {
    let known = 0;
    for (let code = 0; code < 256; code++) {
      const kind = followsOpcode[code];
      if (kind === follows.refused || kind === follows.prefix || code === 0x05 || code === end)
        continue;
      check(code.toString(16), [code], kind);
      known++;
    }
    // 0x45 to 0xc4 are 128 of them.
    assert.equal(known, 128 + 55);
  });

  it('of an else', () => {
    check('if else end', [0x04, 0x40, 0x05, end], follows.nothing);
  });

  it('of bulk instructions', () => {
    for (const [suffix, kind] of followsBulk.entries())
      check(`fc ${suffix.toString(16)}`, [0xfc, suffix], kind);
  });

  it('of SIMD and relaxed SIMD', () => {
    for (const [suffix, kind] of followsSimd.entries()) {
      if (!holes.has(suffix)) check(`fd ${suffix.toString(16)}`, [0xfd, ...leb(suffix)], kind);
    }
  });
});

describe('what the engine does not know is refused', () => {
  it('in the holes of SIMD', () => {
    for (const suffix of holes) refuses([0xfd, ...leb(suffix)], /is not valid WebAssembly/);
  });

  it('by name where the table does not know it either', () => {
    for (let code = 0; code < 256; code++) {
      if (followsOpcode[code] === follows.refused)
        refuses(
          [code, last],
          /uses (?:exceptions|typed references|threads)|which this Weir does not know/,
        );
    }
    for (let suffix = followsBulk.length; suffix < 200; suffix++)
      refuses([0xfc, ...leb(suffix)], /the opcode 0xfc/);
    for (let suffix = followsSimd.length; suffix < 600; suffix++)
      refuses([0xfd, ...leb(suffix)], /the opcode 0xfd/);
  });
});
