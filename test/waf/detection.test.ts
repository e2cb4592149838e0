/** Operators of Weir's own that read tokens, and `decodeAll`: their tables, arbitrary bytes, and what the scan leaves to them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { transformationNames } from '#waf/language/transformation-names.ts';
import { operatorHint } from '#waf/rules/operator-hints.ts';
import { type EngineParts, loadEngineParts, partOf } from '../support/engine-parts.ts';
import { propertySettings } from '../support/property.ts';
import { randomOf } from '../support/random.ts';

type Cases = {
  readonly attacks: readonly string[];
  readonly strict?: readonly string[];
  readonly benign: readonly string[];
};
type Decoded = { readonly input?: string; readonly input_hex?: string; readonly output: string };
type Query = Readonly<
  Record<'depth' | 'fields' | 'aliases' | 'cost', number | null> & { query: string }
>;

const read = (name: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../corpus/detection/${name}.json`), 'utf8'));

const operators = {
  detectCommand: 0,
  detectLookup: 2,
  detectSsrf: 3,
  detectTemplate: 4,
} as const satisfies Record<string, number>;
type Operator = keyof typeof operators;
const names = Object.keys(operators) as readonly Operator[];
const strictCommand = 1;
const casesOf = (name: Operator): Cases => read(name) as Cases;
const numbers = ['depth', 'fields', 'aliases', 'cost'] as const;

let parts: EngineParts;
let memory: Buffer;

before(async () => {
  parts = await loadEngineParts();
  memory = Buffer.from(parts.memory.buffer);
});

function put(bytes: Buffer): void {
  bytes.copy(memory, parts.room);
  memory.fill(0, parts.room + bytes.length, parts.room + bytes.length + 64);
}

function finds(id: number, value: Buffer | string): boolean {
  const bytes = Buffer.from(value);
  put(bytes);
  return partOf(parts, 'isDetected')(id, parts.room, bytes.length) !== 0;
}

function graphql(value: Buffer): readonly number[] {
  put(value);
  return numbers.map((_name, id) => partOf(parts, 'graphqlNumber')(id, parts.room, value.length));
}

function decode(value: Buffer): Buffer {
  put(value);
  const into = parts.room + (1 << 20);
  const id = transformationNames.indexOf('decodeAll');
  const written = partOf(parts, 'runTransform')(id, parts.room, value.length, into);
  return written < 0 ? value : Buffer.from(memory.subarray(into, into + written));
}

for (const name of names)
  describe(name, () => {
    const { attacks, strict = [], benign } = casesOf(name);
    for (const value of attacks)
      it(`finds ${JSON.stringify(value).slice(0, 90)}`, () => {
        assert.equal(finds(operators[name], value), true);
      });
    for (const value of benign)
      it(`leaves ${JSON.stringify(value).slice(0, 90)} alone`, () => {
        assert.equal(finds(operators[name], value), false);
      });
    for (const value of strict)
      it(`finds ${JSON.stringify(value)} only where it is strict`, () => {
        assert.equal(finds(operators[name], value), false);
        assert.equal(finds(strictCommand, value), true);
      });
    it('holds for nothing that the scan takes from it', () => {
      const hint = new RegExp(operatorHint(name, '') ?? 'x^', 's');
      for (const value of attacks) assert.match(value, hint);
    });
  });

describe('graphql', () => {
  for (const row of read('graphql') as readonly Query[])
    it(`reads ${JSON.stringify(row.query).slice(0, 90)}`, () => {
      assert.deepEqual(
        graphql(Buffer.from(row.query)),
        numbers.map((name) => row[name] ?? Number.POSITIVE_INFINITY),
      );
    });

  it('says "beyond" where there is more of anything than it has room for', () => {
    const infinite = numbers.map(() => Number.POSITIVE_INFINITY);
    assert.deepEqual(graphql(Buffer.from('{a'.repeat(200) + '}'.repeat(200))), infinite);
    assert.deepEqual(graphql(Buffer.from('query Q { a } '.repeat(70))), infinite);
    assert.deepEqual(
      graphql(Buffer.from(`{ ${'...F '.repeat(300)} } fragment F on T { a }`)),
      infinite,
    );
    const chain = Array.from(
      { length: 60 },
      (_, i) => `fragment F${i} on T { ...F${i + 1} ...F${i + 1} }`,
    );
    const [depth, fields] = graphql(
      Buffer.from(`{ ...F0 } ${chain.join(' ')} fragment F60 on T { a }`),
    );
    assert.deepEqual([depth, fields], [1, 2 ** 60]);
  });
});

describe('decodeAll', () => {
  for (const row of read('decodeAll') as readonly Decoded[])
    it(`reads ${JSON.stringify(row.input ?? row.input_hex).slice(0, 90)}`, () => {
      const input =
        row.input === undefined ? Buffer.from(row.input_hex ?? '', 'hex') : Buffer.from(row.input);
      assert.equal(decode(input).toString('latin1'), Buffer.from(row.output).toString('latin1'));
    });

  it('goes eight layers deep, and no further', () => {
    let value = '<';
    for (let layer = 0; layer < 8; layer++)
      value = value.replace(/[%<]/, (one) => (one === '<' ? '%3C' : '%25'));
    assert.equal(decode(Buffer.from(value)).toString(), '<');
    assert.equal(decode(Buffer.from(value.replace('%', '%25'))).toString(), '%3C');
  });
});

describe('operators that read tokens', () => {
  const seeds = names.flatMap((name) => {
    const { attacks, benign } = casesOf(name);
    return [...attacks, ...benign];
  });
  const queries = (read('graphql') as readonly Query[]).map(({ query }) => query);

  it('end on any bytes, read nothing beyond them, and say the same each time', (test) => {
    const { seed } = propertySettings(test, 1);
    const random = randomOf(seed);
    const pick = (below: number) => Math.floor(random() * below);
    const all = [...seeds, ...queries].map((value) => Buffer.from(value));
    for (let round = 0; round < 6_000; round++) {
      const one = all[pick(all.length)] ?? Buffer.alloc(0);
      const other = all[pick(all.length)] ?? Buffer.alloc(0);
      const bytes = Buffer.concat([
        one.subarray(0, pick(one.length + 1)),
        Buffer.from([pick(256)]),
        other.subarray(pick(other.length + 1)),
      ]);
      for (let id = 0; id < 5; id++) {
        const alone = finds(id, bytes);
        memory.write(`"'}};|cat /etc/passwd{{7*7}}127.0.0.1`, parts.room + bytes.length);
        const again = partOf(parts, 'isDetected')(id, parts.room, bytes.length) !== 0;
        assert.equal(again, alone, `${id} ${JSON.stringify(bytes.toString('latin1'))}`);
      }
      const numbersOf = graphql(bytes);
      memory.write('}}}}', parts.room + bytes.length);
      assert.deepEqual(
        numbers.map((_name, id) => partOf(parts, 'graphqlNumber')(id, parts.room, bytes.length)),
        numbersOf,
      );
      const decoded = decode(bytes);
      assert.ok(decoded.length <= bytes.length);
    }
  });

  it('are done with long values of one kind', () => {
    const units = [
      ...[
        '${',
        '{{',
        '{%',
        '<%',
        '[[',
        '}',
        '${${',
        '${:-',
        ';',
        '| ',
        '`',
        '`a',
        '$(',
        '\ncurl\t',
        '; env ',
      ],
      ...[
        '; x=',
        ';$x',
        '&&',
        'url:',
        '=//',
        '(http://',
        ' http://',
        'http://@',
        '@',
        '\\',
        '; [',
        '; ${',
        "; '",
      ],
      ...[
        '{a',
        '...A ',
        '(',
        '"',
        '#',
        'a:',
        '%25',
        '&amp;',
        '\\x5c',
        'QUJD',
        '\xc0\xaf',
        '&',
        '; /???/',
        '; *',
        '1.',
        '0x',
      ],
      ...[
        '{{a.',
        '{{1*',
        "{{'",
        '?new',
        '; sleep ',
        '; echo ',
        '\nls -',
        '; ls ',
        '[:',
        'a ',
        '; a/',
      ],
    ];
    for (const unit of units)
      for (const start of ['', '{ a ', 'http://', '; ', '{{ ']) {
        const bytes = Buffer.from(start + unit.repeat(Math.floor(131_072 / unit.length)), 'latin1');
        for (let id = 0; id < 5; id++) finds(id, bytes);
        graphql(bytes);
        assert.ok(decode(bytes).length <= bytes.length);
      }
  });
});
