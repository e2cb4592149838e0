/** Transformations of SecLang: the public cases, naive twins, and what callers rely on. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { transformationNames } from '#waf/language/transformation-names.ts';
import { kindsIn } from '#waf/match/byte-kinds.ts';
import { bytesMinBefore, neverLonger } from '#waf/rules/transformation-chains.ts';
import { caseBytes, type EngineParts, loadEngineParts, partOf } from '../support/engine-parts.ts';
import { propertySettings } from '../support/property.ts';
import { missingShared, sharedFolder } from '../support/shared-file.ts';
import { naive, quirks } from '../support/transformation-cases.ts';

let parts: EngineParts;
let memory: Buffer;
const gap = 1 << 20;

before(async () => {
  parts = await loadEngineParts();
  memory = Buffer.from(parts.memory.buffer);
});

/** Null where the guest says that the value stays as it is. */
function run(name: string, input: Buffer): Buffer | null {
  const id = transformationNames.indexOf(name as (typeof transformationNames)[number]);
  assert.notEqual(id, -1, name);
  const from = parts.room;
  const into = from + gap;
  const max = partOf(parts, 'transformBytesMax')(id, input.length);
  memory.fill(0xee, into, into + max + 64);
  input.copy(memory, from);
  const written = partOf(parts, 'runTransform')(id, from, input.length, into);
  assert.ok(memory.subarray(from, from + input.length).equals(input), `${name} wrote to its input`);
  assert.ok(written <= max, `${name}: ${written} bytes of ${max}`);
  const beyond = memory.subarray(into + max, into + max + 64);
  assert.ok(
    beyond.every((byte) => byte === 0xee),
    `${name} wrote beyond its bound`,
  );
  return written < 0 ? null : Buffer.from(memory.subarray(into, into + written));
}

const folder = 'seclang/transformations';
const skip = missingShared(folder);
const hostile = [
  '%',
  '+',
  'u',
  '\\',
  '&',
  '#',
  'x',
  ';',
  '/',
  '*',
  '-',
  '!',
  '<',
  '>',
  '.',
  ' ',
  '\t',
  '\n',
];
const letters = [
  ...hostile,
  '0',
  '1',
  '7',
  '9',
  'a',
  'F',
  'f',
  'X',
  'Z',
  'l',
  't',
  'g',
  'amp',
  '=',
  '"',
  "'",
];
const odd = [
  '\0',
  '\xa0',
  '\xc0',
  '\xaf',
  '\xe2',
  '\x82',
  '\xac',
  '\xf0',
  '\x9f',
  '\xed',
  '\xff',
  '^',
  ',',
  '(',
];
const text = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...letters, ...odd) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          'plain words of a value',
          'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
        ),
      },
    ),
    { maxLength: 60 },
  )
  .map((pieces) => pieces.join(''));

describe('transformations', () => {
  it('have the same numbers in the guest', () => {
    const source = readFileSync(
      join(import.meta.dirname, '../../wasm-rules/engine/transform/names.ts'),
      'utf8',
    );
    const numbered = [...source.matchAll(/export const (\w+): i32 = (\d+);/g)];
    assert.deepEqual(
      numbered.map(([, name, number]) => [Number(number), name]),
      transformationNames.map((name, number) => [number, name]),
    );
  });

  it('that are said never to make a value longer do not, and base64 makes it shorter', (test) => {
    fc.assert(
      fc.property(fc.constantFrom(...neverLonger), text, (name, value) => {
        const input = Buffer.from(value, 'latin1');
        const output = run(name, input) ?? input;
        assert.ok(bytesMinBefore(name, output.length) <= input.length, `${name} ${output.length}`);
      }),
      propertySettings(test, 3_000),
    );
  });

  it('turn the input of every public case into its output, or the case is a quirk with a reason', {
    skip,
  }, () => {
    const unused = new Set(Object.keys(quirks));
    let cases = 0;
    for (const file of skip === false ? readdirSync(join(sharedFolder, folder)).toSorted() : []) {
      const rows = JSON.parse(readFileSync(join(sharedFolder, folder, file), 'utf8')) as {
        input: string;
        output: string;
      }[];
      const name = file.replace('.json', '').replace('normalise', 'normalize');
      for (const { input, output } of rows) {
        cases++;
        if (unused.delete(`${name}: ${input}`)) continue;
        const bytes = caseBytes(input);
        assert.equal(
          (run(name, bytes) ?? bytes).toString('latin1'),
          caseBytes(output).toString('latin1'),
          `${name} of ${JSON.stringify(input)}`,
        );
      }
    }
    assert.equal(cases, 227);
    assert.deepEqual([...unused], []);
  });

  it('do what the reference does in the cases that were spoilt on their way', () => {
    const css = '\\ff5e\\\n\\0  string';
    assert.equal(run('cssDecode', Buffer.from(css))?.toString('latin1'), '~\0 string');
    assert.equal(run('escapeSeqDecode', Buffer.from('\\xag\\xga'))?.toString(), 'xagxga');
  });

  for (const name of Object.keys(naive))
    it(`${name} does what its naive twin does`, (test) => {
      fc.assert(
        fc.property(text, (value) => {
          const input = Buffer.from(value, 'latin1');
          const expected = naive[name]?.(value);
          assert.equal((run(name, input) ?? input).toString('latin1'), expected);
        }),
        propertySettings(test, 300),
      );
    });

  it('say that a value stays as it is exactly where it does', (test) => {
    fc.assert(
      fc.property(text, fc.constantFrom(...transformationNames), (value, name) => {
        const input = Buffer.from(value, 'latin1');
        const output = run(name, input);
        if (output !== null) assert.ok(!output.equals(input), name);
      }),
      propertySettings(test, 3_000),
    );
  });

  it('leave a value alone whose kinds of bytes say so', (test) => {
    let told = 0;
    fc.assert(
      fc.property(
        fc.oneof(text, fc.stringMatching(/^[a-z]*$/), fc.stringMatching(/^[A-Za-z0-9 =]*$/)),
        fc.constantFrom(...transformationNames),
        (value, name) => {
          const input = Buffer.from(value, 'latin1');
          input.copy(memory, parts.room);
          const id = transformationNames.indexOf(name);
          if (partOf(parts, 'mayChange')(id, parts.room, input.length) !== 0) return;
          told++;
          assert.equal(run(name, input), null, name);
        },
      ),
      propertySettings(test, 5_000),
    );
    assert.ok(told > 500, `only ${told} values were told apart`);
  });

  it('make no kinds of bytes that they are not said to, but for a space', (test) => {
    let told = 0;
    const space = kindsIn(Buffer.from(' '));
    fc.assert(
      fc.property(
        fc.constantFrom(...transformationNames),
        fc.string({
          unit: fc.constantFrom(...'aZ09 %+&;\\/.\'"^,-*#<(=x\t\n\0\xa0\xc2\xff'),
          maxLength: 24,
        }),
        (name, value) => {
          const input = Buffer.from(value, 'latin1');
          input.copy(memory, parts.room);
          const id = transformationNames.indexOf(name);
          if (input.length === 0) return;
          if (partOf(parts, 'mayOpen')(id, parts.room, input.length) !== 0) return;
          told++;
          const made = run(name, input);
          if (made !== null) assert.equal(kindsIn(made) & ~(kindsIn(input) | space), 0n, name);
        },
      ),
      propertySettings(test, 20_000),
    );
    assert.ok(told > 2_000, `only ${told} values were told apart`);
  });

  it('make of escapes only kinds of bytes that were foretold', (test) => {
    const space = kindsIn(Buffer.from(' '));
    fc.assert(
      fc.property(
        fc.constantFrom('urlDecode', 'urlDecodeUni'),
        fc.string({ unit: fc.constantFrom(...'%%%23456789abcdefuUxX+ z'), maxLength: 40 }),
        (name, value) => {
          const input = Buffer.from(value, 'latin1');
          input.copy(memory, parts.room);
          const foretold = BigInt.asUintN(
            64,
            BigInt(partOf(parts, 'escapedKindsOf')(parts.room, input.length)),
          );
          const made = run(name, input);
          if (made !== null)
            assert.equal(kindsIn(made) & ~(kindsIn(input) | space | foretold), 0n, name);
        },
      ),
      propertySettings(test, 5_000),
    );
  });

  it('tell by kinds that plain words stay as they are for all that decode', () => {
    const input = Buffer.from('plainwords');
    input.copy(memory, parts.room);
    for (const name of [
      'urlDecodeUni',
      'jsDecode',
      'htmlEntityDecode',
      'cssDecode',
      'lowercase',
      'removeNulls',
      'utf8toUnicode',
      'normalizePath',
      'cmdLine',
      'compressWhitespace',
      'replaceComments',
    ] as const)
      assert.equal(
        partOf(parts, 'mayChange')(transformationNames.indexOf(name), parts.room, input.length),
        0,
        name,
      );
  });

  it('stay within their bounds on long values of the bytes that grow most', () => {
    for (const name of transformationNames)
      for (const unit of [
        '\xc2\xa9',
        '\xf5\x80\x80\x80',
        '\xff',
        '%',
        '\\',
        '&',
        ' ',
        '../',
        '/*',
        'a',
      ])
        run(name, Buffer.from(unit.repeat(20_000), 'latin1'));
  });

  it('turn UTF-8 into escapes, with what is no UTF-8 as the reference leaves it', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['\xc2\xa9', '%u00a9'],
      ['\xe2\x82\xac', '%u20ac'],
      ['\xf0\x9f\x98\x80', '%u1f600'],
      ['\xc0\xaf', '%u002f\xc0'],
      ['a\xe2\x82', 'a\x82'],
      ['\xed\xa0\x80', '%ud800\xed'],
      ['\x80\xff', '\x80\xff'],
      ['a\0b', 'ab'],
    ];
    for (const [input, output] of cases)
      assert.equal(
        (
          run('utf8toUnicode', Buffer.from(input, 'latin1')) ?? Buffer.from(input, 'latin1')
        ).toString('latin1'),
        output,
        JSON.stringify(input),
      );
  });

  it('reach behind a NUL, which hides nothing', () => {
    assert.equal(run('cmdLine', Buffer.from('a\0"B'))?.toString(), 'a\0b');
    assert.equal(run('base64DecodeExt', Buffer.from('VGVz\0dENhc2U='))?.toString(), 'TestCase');
    assert.equal(
      run('sqlHexDecode', Buffer.from('\x000x41'))?.toString('latin1'),
      '\x000x41'.replace('0x41', 'A'),
    );
  });
});
