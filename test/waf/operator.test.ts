/** Operators that need no automaton: the public cases, and what they do beyond them. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { compileByteRange } from '#waf/operator/byte-range.ts';
import { compileIpRanges } from '#waf/operator/ip-ranges.ts';
import { caseBytes, type EngineParts, loadEngineParts, partOf } from '../support/engine-parts.ts';
import { propertySettings } from '../support/property.ts';
import { missingShared, sharedFolder } from '../support/shared-file.ts';

/** In the order of their numbers in the test module. */
const operatorCalls = [
  'beginsWith',
  'contains',
  'containsWord',
  'endsWith',
  'streq',
  'within',
  'eq',
  'ge',
  'gt',
  'le',
  'lt',
  'ipMatch',
  'validateByteRange',
  'validateUrlEncoding',
  'validateUtf8Encoding',
  'isCardNumber',
  'isSocialSecurityNumber',
] as const;
type Call = (typeof operatorCalls)[number];

let parts: EngineParts;
let memory: Buffer;

before(async () => {
  parts = await loadEngineParts();
  memory = Buffer.from(parts.memory.buffer);
});

function run(name: Call, value: Buffer, argument: Uint8Array = new Uint8Array()): boolean {
  const at = parts.room;
  const argumentAt = at + (1 << 20);
  value.copy(memory, at);
  // More of the same beyond the end, for a reader that goes too far.
  memory.fill('%41\xc3abc0', at + value.length, at + value.length + 64, 'latin1');
  memory.set(argument, argumentAt);
  partOf(parts, 'startParse')(argumentAt + (1 << 20), argumentAt + (2 << 20), memory.length, 1);
  return (
    partOf(parts, 'runOperator')(
      operatorCalls.indexOf(name),
      at,
      value.length,
      argumentAt,
      argument.length,
    ) !== 0
  );
}

const text = (name: Call, value: string, argument: string): boolean =>
  run(name, Buffer.from(value, 'latin1'), Buffer.from(argument, 'latin1'));

/** What other parts of the engine do (patterns, phrases, injection, databases), and what is not loaded at all. */
const elsewhere = ['detectSQLi', 'geoLookup', 'pm', 'pmFromFile', 'rx'];
const refused: Readonly<Record<string, string>> = {
  rxGlobal: 'an operator of ModSecurity 3 alone, refused at load',
  verifysvnr: 'a number of Austria, refused at load: no rule set uses it',
};
const quirks: Readonly<Record<string, string>> = {
  'validateByteRange  TestCase':
    'an empty parameter allows nothing in ModSecurity 3; here it is refused at load',
  'validateByteRange xxx TestCase':
    'a parameter that is no range fails at load in ModSecurity 2 and here; the case wants a match',
};

function judge(name: string, parameter: string, input: Buffer): boolean {
  switch (name) {
    case 'ipMatch': {
      const ranges = compileIpRanges(parameter.split(','));
      assert.ok(ranges.kind === 'ranges', parameter);
      return run('ipMatch', input, ranges.bytes);
    }
    case 'validateByteRange': {
      const range = compileByteRange(parameter);
      assert.ok(range.kind === 'bytes', parameter);
      return run('validateByteRange', input, range.bits);
    }
    case 'verifyCC':
      return found(parameter, input).some((stretch) => run('isCardNumber', stretch));
    case 'verifyssn':
      return found(parameter, input).some((stretch) => run('isSocialSecurityNumber', stretch));
    case 'noMatch':
      return false;
    case 'unconditionalMatch':
      return true;
    default:
      return run((name === 'strmatch' ? 'contains' : name) as Call, input, caseBytes(parameter));
  }
}

/** Every stretch that the pattern finds, and its groups: what the evaluator does with the pattern's automaton. */
function found(pattern: string, input: Buffer): readonly Buffer[] {
  return [...input.toString('latin1').matchAll(new RegExp(pattern, 'gs'))].flatMap((match) =>
    match.map((stretch) => Buffer.from(stretch ?? '', 'latin1')),
  );
}

describe('operators', () => {
  const folder = 'seclang/operators';
  const skip = missingShared(folder);

  it('answer every public case, or the case is a quirk with a reason', { skip }, () => {
    const unused = new Set(Object.keys(quirks));
    const counts = { answered: 0, elsewhere: 0, refused: 0, quirks: 0 };
    const files = skip === false ? readdirSync(join(sharedFolder, folder)) : [];
    for (const file of files.filter((name) => name.endsWith('.json'))) {
      const rows = JSON.parse(readFileSync(join(sharedFolder, folder, file), 'utf8')) as {
        input: string;
        param?: string;
        ret: number;
      }[];
      const name = file.replace('.json', '');
      for (const { input, param = '', ret } of rows) {
        if (elsewhere.includes(name)) counts.elsewhere++;
        else if (name in refused) counts.refused++;
        else if (unused.delete(`${name} ${param} ${input}`)) counts.quirks++;
        else {
          counts.answered++;
          const bytes = caseBytes(input.replaceAll('\\0', '\\x00'));
          assert.equal(
            judge(name, param, bytes),
            ret === 1,
            `@${name} ${param} over ${JSON.stringify(input)}`,
          );
        }
      }
    }
    assert.deepEqual([...unused], []);
    assert.deepEqual(counts, { answered: 360, elsewhere: 36, refused: 16, quirks: 2 });
  });

  it('find what a naive search finds, also as a word and with long arguments', (test) => {
    const letters = fc
      .array(fc.constantFrom('a', 'b', ' ', '_', 'ab', 'aaaaaaaaaaaaaaaaaaaa'), { maxLength: 30 })
      .map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(letters, letters, (value, argument) => {
        assert.equal(text('contains', value, argument), value.includes(argument));
        assert.equal(text('within', argument, value), value.includes(argument));
        assert.equal(text('beginsWith', value, argument), value.startsWith(argument));
        assert.equal(text('endsWith', value, argument), value.endsWith(argument));
        const word = new RegExp(`(?<![a-zA-Z0-9_])${argument}(?![a-zA-Z0-9_])`);
        assert.equal(text('containsWord', value, argument), argument === '' || word.test(value));
      }),
      propertySettings(test, 3_000),
    );
  });

  it('compare numbers as atoi reads them, and beyond it without wrapping', () => {
    const cases: readonly (readonly [Call, string, string, boolean])[] = [
      ['eq', ' \t12abc', '12', true],
      ['eq', '+5', '5', true],
      ['lt', '-5', '-4', true],
      ['gt', '4294967296', '100', true],
      ['gt', '99999999999999999999999999', '100', true],
      ['lt', '-99999999999999999999999999', '-100', true],
      ['eq', '1e3', '1', true],
      ['ge', '--5', '0', true],
    ];
    for (const [name, value, argument, expected] of cases)
      assert.equal(text(name, value, argument), expected, `${value} ${name} ${argument}`);
  });

  it('find an address in many ranges of both families, mapped ones as what they carry', () => {
    const ranges = compileIpRanges([
      '10.0.0.0/8',
      '192.0.2.7',
      '192.0.2.8/29',
      '2001:db8::/32',
      '::1',
      '2001:db9::/33',
      '0.0.0.0',
    ]);
    assert.ok(ranges.kind === 'ranges');
    const cases: readonly (readonly [string, boolean])[] = [
      ['10.255.255.255', true],
      ['11.0.0.0', false],
      ['192.0.2.7', true],
      ['192.0.2.15', true],
      ['192.0.2.16', false],
      ['::ffff:10.1.2.3', true],
      ['::ffff:c000:207', true],
      ['2001:db8:ffff::1', true],
      ['2001:db9:8000::', false],
      ['::1', true],
      ['::', false],
      ['0.0.0.0', true],
      ['10.1', false],
      ['010.0.0.1', false],
      ['', false],
      ['x', false],
    ];
    for (const [address, expected] of cases)
      assert.equal(run('ipMatch', Buffer.from(address), ranges.bytes), expected, address);
    assert.deepEqual(compileIpRanges(['10.0.0.0/8', 'host']), { kind: 'problem', entry: 'host' });
    assert.deepEqual(compileIpRanges(['10.0.0.0/33']), { kind: 'problem', entry: '10.0.0.0/33' });
  });

  it('allow exactly the bytes of a range', () => {
    const range = compileByteRange('9, 10,13,32-126, 255');
    assert.ok(range.kind === 'bytes');
    for (let byte = 0; byte < 256; byte++) {
      const allowed = [9, 10, 13, 255].includes(byte) || (byte >= 32 && byte <= 126);
      assert.equal(
        run('validateByteRange', Buffer.from([65, byte]), range.bits),
        !allowed,
        String(byte),
      );
    }
    for (const piece of ['256', '5-3', '', 'a', '1-2-3', '-1', '0x20'])
      assert.deepEqual(compileByteRange(`1,${piece}`), { kind: 'problem', piece });
  });

  it('know UTF-8 from what looks like it', (test) => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.nat(255),
            fc.constantFrom(
              0xc0,
              0xc3,
              0xa9,
              0xe2,
              0x82,
              0xac,
              0xed,
              0xa0,
              0x80,
              0xf0,
              0x9f,
              0xf4,
              0x90,
            ),
          ),
          { maxLength: 24 },
        ),
        (list) => {
          const bytes = Buffer.from(list);
          let isUtf8 = true;
          try {
            new TextDecoder('utf-8', { fatal: true }).decode(bytes);
          } catch {
            isUtf8 = false;
          }
          assert.equal(run('validateUtf8Encoding', bytes), !isUtf8, bytes.toString('hex'));
        },
      ),
      propertySettings(test, 3_000),
    );
  });

  it('refuse numbers that are no cards and no social security numbers', () => {
    for (const [value, expected] of [
      ['4111-1111-1111-1111', true],
      ['4111111111111112', false],
      ['', false],
      ['x', false],
    ] as const)
      assert.equal(text('isCardNumber', value, ''), expected, value);
    for (const [value, expected] of [
      ['574-57-8065', true],
      ['000-57-8065', false],
      ['666-57-8065', false],
      ['740-57-8065', false],
      ['574-00-8065', false],
      ['574-57-0000', false],
      ['123456789', false],
      ['222222222', false],
      ['5745780651', false],
      ['57457806', false],
    ] as const)
      assert.equal(text('isSocialSecurityNumber', value, ''), expected, value);
  });
});
