/** Query strings, cookies and bodies: what rules see of them, what is flagged, what is refused. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { parseBody } from '../support/body-parts.ts';
import { type EngineParts, loadEngineParts } from '../support/engine-parts.ts';
import { propertySettings } from '../support/property.ts';
import { randomOf } from '../support/random.ts';
import { jsonCases } from './cases/json.ts';
import { multipartCases } from './cases/multipart.ts';
import { xmlCases } from './cases/xml.ts';

let parts: EngineParts;

before(async () => {
  parts = await loadEngineParts();
});

const crlf = (text: string): string => text.replaceAll('\n', '\r\n').replaceAll('\u2028', '\n');

describe('query strings and forms', () => {
  const cases: readonly (readonly [string, readonly string[], ...string[]])[] = [
    ['a=1&b=2', ['a=1', 'b=2']],
    ['', []],
    ['a', ['a=']],
    ['a=', ['a=']],
    ['=b', ['=b']],
    ['a=b=c', ['a=b=c']],
    ['a&&b', ['a=', '=', 'b=']],
    ['&', ['=']],
    ['a=1&', ['a=1']],
    ['%61+b=%26%3D+', ['a b=&= ']],
    ['a=%00b', ['a=\0b']],
    ['a=%zz%4', ['a=%zz%4'], 'urlencodedError'],
    ['%=1', ['%=1'], 'urlencodedError'],
    ['a=%u0041', ['a=%u0041'], 'urlencodedError'],
    [
      `long=${'x'.repeat(40)}%41${'y'.repeat(40)}&${'n'.repeat(33)}=z`,
      [`long=${'x'.repeat(40)}A${'y'.repeat(40)}`, `${'n'.repeat(33)}=z`],
    ],
  ];
  for (const [body, values, ...flags] of cases)
    it(`reads ${JSON.stringify(body.slice(0, 40))}`, () => {
      const parsed = parseBody(parts, 'form', body);
      assert.deepEqual(
        parsed.values,
        values.map((value) => `ARGS_POST ${value}`),
      );
      assert.deepEqual(parsed.flags, flags);
      assert.deepEqual(
        parseBody(parts, 'query', body).values,
        values.map((value) => `ARGS_GET ${value}`),
      );
    });

  it('reads what a naive reader reads', (test) => {
    const piece = fc.constantFrom(
      'a',
      '=',
      '&',
      '%41',
      '%',
      '+',
      '%zz',
      'plain text of a value',
      ';',
      '\xff',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const body = pieces.join('');
        const decode = (text: string) =>
          text.replace(/%([0-9a-f]{2})|\+/gi, (_all, digits?: string) =>
            digits === undefined ? ' ' : String.fromCharCode(Number.parseInt(digits, 16)),
          );
        // The reference ends a text that closes with a separator without an empty pair.
        const pairs = body.replace(/&$/, '').split('&');
        const expected =
          body === ''
            ? []
            : body === '&'
              ? ['ARGS_POST =']
              : pairs.map((pair) => {
                  const equals = pair.indexOf('=');
                  const name = equals < 0 ? pair : pair.slice(0, equals);
                  return `ARGS_POST ${decode(name)}=${equals < 0 ? '' : decode(pair.slice(equals + 1))}`;
                });
        assert.deepEqual(parseBody(parts, 'form', body).values, expected);
      }),
      propertySettings(test, 2_000),
    );
  });

  it('stops at the limit on arguments with a flag, and one less passes', () => {
    const body = Array.from({ length: 10 }, (_, i) => `a${i}=1`).join('&');
    assert.deepEqual(parseBody(parts, 'form', body, { argumentsMax: 10 }).flags, []);
    const beyond = parseBody(parts, 'form', body, { argumentsMax: 9 });
    assert.equal(beyond.values.length, 9);
    assert.deepEqual(beyond.flags, ['argumentsLimit']);
  });
});

describe('cookies', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['a=1; b=2', ['a=1', 'b=2']],
    ['a=1;b=2;', ['a=1', 'b=2']],
    ['$Version=1; a="x; y"', ['$Version=1', 'a="x', 'y"=']],
    ['a', ['a=']],
    ['=x; ; a=', ['a=']],
    ['a=b=c; \t d = e ', ['a=b=c', 'd = e ']],
    ['a=%41+', ['a=%41+']],
    ['', []],
  ];
  for (const [field, values] of cases)
    it(`reads ${JSON.stringify(field)}`, () => {
      assert.deepEqual(
        parseBody(parts, 'cookies', field).values,
        values.map((value) => `COOKIES ${value}`),
      );
    });
});

describe('multipart bodies', () => {
  for (const {
    name,
    type = 'multipart/form-data; boundary=B',
    body,
    lf,
    values,
    flags,
    failure,
  } of multipartCases)
    it(failure === undefined ? `gives the values of ${name}` : `refuses ${name}`, () => {
      const parsed = parseBody(parts, 'multipart', lf ? body : crlf(body), { type });
      assert.equal(parsed.failure, failure ?? '');
      assert.equal(parsed.isRead, failure === undefined);
      if (values !== undefined)
        assert.deepEqual(
          parsed.values.filter((value) => !value.startsWith('PART_HEADERS')),
          values,
        );
      const expected = [...(failure === undefined ? [] : ['error']), ...(flags ?? [])];
      assert.deepEqual(parsed.flags, expected);
      const strict = expected.filter(
        (flag) => flag !== 'unmatchedBoundary' && flag !== 'crlfLfLines',
      );
      assert.equal(parsed.isStrictError, strict.length > 0);
    });

  it('gives the header lines of each part under its name, folds joined', () => {
    const body = crlf(
      '--B\nContent-Disposition: form-data;\n name="a"\nContent-Type:\ttext/plain; charset=utf-7\n\nx\n--B--\n',
    );
    assert.deepEqual(
      parseBody(parts, 'multipart', body, { type: 'multipart/form-data; boundary=B' }).values,
      [
        'PART_HEADERS a=Content-Disposition: form-data; name="a"',
        'PART_HEADERS a=Content-Type:\ttext/plain; charset=utf-7',
        'ARGS_POST a=x',
      ],
    );
  });

  it('gives back what a client put in', (test) => {
    const line = fc.constantFrom(
      'x',
      '\n',
      '\r\n',
      '--',
      '-',
      'B',
      '--BB',
      '\0',
      '\xff',
      'some text of a value\n',
    );
    fc.assert(
      fc.property(fc.array(fc.array(line, { maxLength: 12 }), { maxLength: 6 }), (fields) => {
        const values = fields.map((pieces) => pieces.join(''));
        fc.pre(values.every((value) => !/(?:^|\n)--\s*BBB/.test(value)));
        const body = values
          .map(
            (value, i) =>
              `--BBB\r\nContent-Disposition: form-data; name="${i}"\r\n\r\n${value}\r\n`,
          )
          .join('');
        const parsed = parseBody(parts, 'multipart', `${body}--BBB--\r\n`, {
          type: 'multipart/form-data; boundary=BBB',
        });
        assert.equal(parsed.failure, '');
        assert.deepEqual(
          parsed.values.filter((value) => value.startsWith('ARGS_POST')),
          values.map((value, i) => `ARGS_POST ${i}=${value}`),
        );
      }),
      propertySettings(test, 2_000),
    );
  });
});

describe('JSON bodies', () => {
  for (const { name, body, depthMax = 512, values, failure } of jsonCases)
    it(failure === undefined ? `reads ${name}` : `refuses ${name}`, () => {
      const parsed = parseBody(parts, 'json', body, { depthMax });
      assert.equal(parsed.failure, failure ?? '');
      assert.equal(parsed.isRead, failure === undefined);
      if (values !== undefined)
        assert.deepEqual(
          parsed.values,
          values.map((value) => `ARGS_POST ${value}`),
        );
      assert.deepEqual(parsed.flags, failure === undefined ? [] : ['error']);
    });

  it('takes what JSON.parse takes, and finds the same values', (test) => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 4 }),
        fc.nat(),
        fc.constantFrom(...'{}[],:"\\u0eE+-.xt 1\n'),
        fc.nat(3),
        (text, at, byte, how) => {
          const place = text === '' ? 0 : at % text.length;
          const mutated =
            how === 0
              ? text
              : how === 1
                ? text.slice(0, place) + byte + text.slice(place)
                : how === 2
                  ? text.slice(0, place) + text.slice(place + 1)
                  : text.slice(0, place) + byte + text.slice(place + 1);
          fc.pre(!/\\u|[\ud800-\udfff]/i.test(mutated) && mutated.trim() !== '');
          let value: unknown;
          let isJson = true;
          try {
            value = JSON.parse(mutated);
          } catch {
            isJson = false;
          }
          const parsed = parseBody(parts, 'json', Buffer.from(mutated));
          assert.equal(parsed.isRead, isJson, `${mutated}: ${parsed.failure}`);
          if (!isJson) return;
          const isText = (found: string) => !/=(?:-?\d|-?Infinity)/.test(found);
          const found = parsed.values.filter(isText).toSorted();
          const expected = flatten('json', value).filter(isText).toSorted();
          // Of a key that stands twice the naive reader keeps one, and `__proto__` it takes for what it is not.
          if (found.length === expected.length) assert.deepEqual(found, expected);
        },
      ),
      propertySettings(test, 2_000),
    );
  });

  it('stops at the limit on arguments with a flag', () => {
    const parsed = parseBody(parts, 'json', '[1,2,3,4]', { argumentsMax: 3 });
    assert.equal(parsed.values.length, 3);
    assert.deepEqual(parsed.flags, ['argumentsLimit']);
  });

  it('writes the name of an array once for all its elements', () => {
    const body = `{"${'n'.repeat(100)}":[${Array.from({ length: 1_000 }, () => 1).join()}]}`;
    const parsed = parseBody(parts, 'json', body);
    assert.equal(parsed.values.length, 1_000);
    assert.ok(parsed.arenaBytes < 6_000, `${parsed.arenaBytes} bytes`);
  });
});

function flatten(path: string, value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((element) => flatten(path, element));
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([key, inner]) =>
      flatten(`${path}.${Buffer.from(key).toString('latin1')}`, inner),
    );
  return [
    `ARGS_POST ${path}=${value === null ? '' : Buffer.from(String(value)).toString('latin1')}`,
  ];
}

describe('XML bodies', () => {
  for (const { name, body, text = '', attributes = [], isRead = true } of xmlCases)
    it(isRead ? `reads ${name}` : `refuses ${name}`, () => {
      const parsed = parseBody(parts, 'xml', body);
      assert.equal(parsed.isRead, isRead);
      assert.equal(
        parsed.failure,
        isRead ? '' : 'XML parsing error: XML: Failed parsing document.',
      );
      const found = parsed.values.filter((value) => value.startsWith('XML@ '));
      assert.deepEqual(
        found.map((value) => value.slice(5)),
        attributes,
      );
      if (isRead || text !== '')
        assert.equal(parsed.values.find((value) => value.startsWith('XML '))?.slice(4) ?? '', text);
    });
});

describe('hostile bodies', () => {
  const seeds: readonly (readonly ['multipart' | 'json' | 'xml' | 'form' | 'cookies', string])[] = [
    ...multipartCases.map(({ body }) => ['multipart', crlf(body)] as const),
    ...jsonCases.map(({ body }) => ['json', body] as const),
    ...xmlCases.filter(({ body }) => body.length < 5_000).map(({ body }) => ['xml', body] as const),
    ['form', 'a=1&b=%41+&c'],
    ['cookies', 'a=1; b="2"; $x'],
  ];

  it('are read within their bounds, however they are mutated, or refused with a reason', (test) => {
    const { seed } = propertySettings(test, 1);
    const random = randomOf(seed);
    const pick = (below: number) => Math.floor(random() * below);
    for (let round = 0; round < 6_000; round++) {
      const [kind, body] = seeds[pick(seeds.length)] ?? ['form', ''];
      let bytes = Buffer.from(body, 'latin1');
      for (let edits = pick(4); edits >= 0; edits--) {
        const at = pick(bytes.length + 1);
        const other = Buffer.from(seeds[pick(seeds.length)]?.[1] ?? '', 'latin1');
        const from = pick(other.length + 1);
        const piece = [
          Buffer.from([pick(256)]),
          Buffer.alloc(0),
          other.subarray(from, from + pick(40)),
        ][pick(3)];
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          piece ?? Buffer.alloc(0),
          bytes.subarray(at + pick(3)),
        ]);
      }
      const parsed = parseBody(parts, kind, bytes, { type: 'multipart/form-data; boundary=B' });
      assert.equal(parsed.failure !== '', !parsed.isRead, bytes.toString('latin1'));
      assert.equal(parsed.flags.includes('error'), !parsed.isRead);
      assert.ok(
        parsed.arenaBytes <= bytes.length * 12 + 36_000,
        `${parsed.arenaBytes} bytes of arena for ${bytes.length}`,
      );
    }
  });

  it('of many small parts, keys, attributes and escapes stay within their bounds at full size', () => {
    const times = (unit: string, bytes = 131_072) => unit.repeat(Math.floor(bytes / unit.length));
    const bodies: readonly (readonly ['multipart' | 'json' | 'xml' | 'form', string])[] = [
      ['multipart', `${times(crlf('--B\nContent-Disposition: form-data; name="a"\n\n\n'))}--B--`],
      ['multipart', `--B\r\n${times('a:\r\n b\r\n')}`],
      ['multipart', crlf('--B\nContent-Disposition: form-data; name="a"\n\n') + times('--')],
      ['json', `[${times('"\\u0041",')}1]`],
      ['json', times('[')],
      ['json', times('{"a":')],
      ['json', `{${times('"a":{"b":[')}`],
      ['xml', `<a>${times('<b c="&lt;"/>')}</a>`],
      ['xml', `<a>${times('&#65;')}</a>`],
      ['form', times('a&')],
      ['form', times('%41=')],
    ];
    for (const [kind, body] of bodies) {
      const parsed = parseBody(parts, kind, body, { type: 'multipart/form-data; boundary=B' });
      assert.ok(
        parsed.arenaBytes <= body.length * 12 + 36_000,
        `${kind}: ${parsed.arenaBytes} bytes`,
      );
    }
  });
});
