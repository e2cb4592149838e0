/** The guest SDK's readers (JSON, query, cookies, matchers, config), each against what Node makes of the same text. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { instantiate } from '@assemblyscript/loader';
import fc from 'fast-check';
import { encodeRequestHead } from '#wasm/abi.ts';
import { GuestMemory } from '#wasm/guest-memory.ts';
import { buildTestGuest, testLimits } from '../support/guests.ts';
import { viewOf } from '../support/view.ts';

type Probe = Record<
  | 'prepare'
  | 'jsonBegin'
  | 'jsonNext'
  | 'jsonSkip'
  | 'jsonDecode'
  | 'jsonNumber'
  | 'jsonIsInteger'
  | 'jsonInteger'
  | 'jsonIsKey'
  | 'jsonFault'
  | 'jsonFaultAt'
  | 'parametersBegin'
  | 'parametersNext'
  | 'parametersFind'
  | 'cookiesBegin'
  | 'cookiesNext'
  | 'cookiesFind'
  | 'globBytes'
  | 'globLiteral'
  | 'compareBytes'
  | 'compareLiteral'
  | 'configure',
  (...numbers: number[]) => number
> &
  Record<'at' | 'length' | 'valueAt' | 'valueLength' | 'configured', { readonly value: number }>;

const bytesMax = 65_536;
let probe: Probe;
let memory: WebAssembly.Memory;
let readString: (at: number) => string;
let at: number;

async function start(): Promise<void> {
  const { exports } = await instantiate(await buildTestGuest('reader-probe'));
  probe = exports as unknown as Probe;
  ({ memory, __getString: readString } = exports as unknown as {
    memory: WebAssembly.Memory;
    __getString: (at: number) => string;
  });
  at = probe.prepare(bytesMax);
}

before(start);

/** Memory is never given back in the probe, so each round of a property begins with little of it. */
function put(text: string, offset = 0): number {
  return Buffer.from(memory.buffer).write(text, at + 64 + offset, 'utf8');
}

const place = (): number => at + 64;
const bytesAt = (from: number, length: number): Buffer =>
  Buffer.from(memory.buffer).subarray(from, from + length);
const read = (): string => bytesAt(probe.at.value, probe.length.value).toString('utf8');
const readValue = (): string =>
  bytesAt(probe.valueAt.value, probe.valueLength.value).toString('utf8');

const token = {
  wrong: -1,
  end: 0,
  objectBegin: 1,
  objectEnd: 2,
  arrayBegin: 3,
  arrayEnd: 4,
  key: 5,
  string: 6,
  number: 7,
  true: 8,
  false: 9,
  null: 10,
} as const;

describe('the JSON reader', () => {
  function begin(text: string): void {
    probe.jsonBegin(place(), put(text));
  }

  /** The value as the tokens give it. */
  function build(first = probe.jsonNext()): unknown {
    switch (first) {
      case token.objectBegin: {
        const members: [string, unknown][] = [];
        for (let next = probe.jsonNext(); next !== token.objectEnd; next = probe.jsonNext()) {
          assert.equal(next, token.key);
          probe.jsonDecode();
          const name = read();
          members.push([name, build()]);
        }
        return Object.fromEntries(members);
      }
      case token.arrayBegin: {
        const items: unknown[] = [];
        for (let next = probe.jsonNext(); next !== token.arrayEnd; next = probe.jsonNext())
          items.push(build(next));
        return items;
      }
      case token.string:
        probe.jsonDecode();
        return read();
      case token.number:
        if (probe.jsonIsInteger() !== 0) assert.equal(probe.jsonInteger(), Number(read()) + 0);
        return probe.jsonNumber();
      case token.true:
        return true;
      case token.false:
        return false;
      case token.null:
        return null;
      default:
        return assert.fail(`token ${first}: ${readString(probe.jsonFault())}`);
    }
  }

  function accepts(text: string): boolean {
    begin(text);
    for (let steps = 0; steps < bytesMax; steps++) {
      const next = probe.jsonNext();
      if (next === token.end) return true;
      if (next === token.wrong) {
        assert.equal(probe.jsonNext(), token.wrong, 'wrong stays wrong');
        return false;
      }
    }
    return assert.fail('no end');
  }

  function parses(text: string): boolean {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  }

  it('gives the value that JSON.parse gives', async () => {
    await start();
    const whole = fc.string({ unit: 'grapheme', maxLength: 12 });
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.oneof(whole, fc.integer(), fc.boolean(), fc.constant(null)),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(whole, tie('value'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(
        value,
        fc.constantFrom(undefined, 1, '\t'),
        fc.boolean(),
        (json, space, escapes) => {
          let text = JSON.stringify(json, null, space);
          if (escapes)
            text = text.replace(
              /[^\n\t -~]/g,
              (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
            );
          begin(text);
          assert.deepEqual(build(), JSON.parse(text));
          assert.equal(probe.jsonNext(), token.end);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes the texts JSON.parse takes, and no other', async () => {
    await start();
    const parts = fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', '"', '"a"', '"\\n"', '"\\u00', '\\', 'true', 'nul', 'null'],
      ...['0', '-', '1', '01', '.5', '1.', 'e', '1e+5', ' ', '\n', '\u0001', '{"a":1}', '[]', '{}'],
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 10 }), (pieces) => {
        const text = pieces.join('');
        assert.equal(accepts(text), parses(text), text);
      }),
      { numRuns: 3_000 },
    );
  });

  it('takes numbers as they are', () => {
    for (const text of ['0', '-0', '12.5', '-1e3', '1E-2', '0.1e+1', '123456789012345678']) {
      begin(text);
      assert.equal(build(), Number(text), text);
    }
    begin('1234567890123456789');
    probe.jsonNext();
    assert.equal(probe.jsonIsInteger(), 0, 'nineteen digits');
  });

  it('makes a lone surrogate the replacement character', () => {
    for (const [text, expected] of [
      ['"\\ud83d\\ude00"', '😀'],
      ['"\\ud83dx"', '\ufffdx'],
      ['"\\ude00\\ud83d"', '\ufffd\ufffd'],
      ['"\\ud83d\\u0041"', '\ufffdA'],
      ['"\\/\\"\\\\\\b\\f\\n\\r\\t"', '/"\\\b\f\n\r\t'],
    ] as const) {
      begin(text);
      assert.equal(build(), expected);
    }
  });

  it('compares a key with its escapes undone', () => {
    for (const [text, expected] of [
      ['{"key \\"q\\"":1}', 1],
      ['{"\\u006bey \\"\\u0071\\"":1}', 1],
      ['{"key":1}', 0],
    ] as const) {
      begin(text);
      probe.jsonNext();
      probe.jsonNext();
      assert.equal(probe.jsonIsKey(), expected, text);
    }
  });

  it('skips what a key or a beginning holds', () => {
    begin('{"a":{"x":[1,{"y":2}]},"b":[[],3],"c":4}');
    probe.jsonNext();
    const keys: string[] = [];
    while (probe.jsonNext() === token.key) {
      keys.push(read());
      assert.equal(probe.jsonSkip(), 1);
    }
    assert.deepEqual(keys, ['a', 'b', 'c']);
    assert.equal(probe.jsonNext(), token.end);
  });

  it('goes down to its bound and no further', () => {
    assert.equal(accepts(`${'['.repeat(64)}${']'.repeat(64)}`), true);
    assert.equal(accepts(`${'{"a":'.repeat(64)}1${'}'.repeat(64)}`), true);
    assert.equal(accepts(`${'['.repeat(65)}${']'.repeat(65)}`), false);
    assert.equal(readString(probe.jsonFault()), 'deeper than 64 levels');
    assert.equal(probe.jsonFaultAt(), 64);
  });
});

describe('the parameter reader', () => {
  function parameters(text: string): [string, string][] {
    probe.parametersBegin(place(), put(text));
    const found: [string, string][] = [];
    while (probe.parametersNext() !== 0) found.push([read(), readValue()]);
    return found;
  }

  it('reads what URLSearchParams reads', async () => {
    await start();
    const parts = fc.constantFrom(
      'a',
      'b',
      '&',
      '=',
      '+',
      '%41',
      '%',
      '%4',
      '%zz',
      '%20',
      ';',
      '1',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 14 }), (pieces) => {
        const text = pieces.join('');
        assert.deepEqual(parameters(text), [...new URLSearchParams(`&${text}`)], text);
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds a name however it is written', () => {
    for (const [text, expected] of [
      ['x=1&a+b=2', 1],
      ['a%20b', 1],
      ['a%2520b=1', 0],
      ['', 0],
    ] as const) {
      parameters(text);
      assert.equal(probe.parametersFind(), expected, text);
    }
  });
});

describe('the cookie reader', () => {
  function begin(fields: readonly string[]): void {
    const headers = fields.map((field) => ['Cookie', field] as const);
    const view = viewOf({ target: '/', headers: [['Host', 'a'], ...headers, ['X-After', 'a=b']] });
    const facts = { clientAddress: '192.0.2.1', tls: false };
    const views = new GuestMemory(memory);
    const viewAt = (place() + 3) & ~3;
    encodeRequestHead(view, facts, testLimits, views, viewAt);
    probe.cookiesBegin(viewAt);
  }

  for (const [fields, expected] of [
    [[], []],
    [[''], []],
    [['a=1'], ['a:1']],
    [['a=1; b=2;c=3'], ['a:1', 'b:2', 'c:3']],
    [[' ;; a = 1 ;;'], ['a:1']],
    [['a=1=2; b="x y"'], ['a:1=2', 'b:"x y"']],
    [['nameless; =empty; c='], [':nameless', ':empty', 'c:']],
    [
      ['a=1', 'b=2'],
      ['a:1', 'b:2'],
    ],
  ] as const) {
    it(`reads ${JSON.stringify(fields)}`, () => {
      begin(fields);
      const found: string[] = [];
      while (probe.cookiesNext() !== 0) found.push(`${read()}:${readValue()}`);
      assert.deepEqual(found, expected);
      assert.equal(probe.cookiesNext(), 0);
    });
  }

  it('finds a name as it is written, in any of the fields', () => {
    begin(['Session=0; xsession=1', 'a=b; session=yes; session=no']);
    assert.equal(probe.cookiesFind(), 1);
    assert.equal(readValue(), 'yes');
  });
});

describe('the matchers', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', 'A', '-', '*', '?'), { maxLength: 12 });
  const textOf = letters.map((parts) => parts.join(''));

  it('answer for bytes as for the text', async () => {
    await start();
    fc.assert(
      fc.property(textOf, textOf, (text, other) => {
        const length = put(text);
        const otherLength = put(other, 512);
        const bits = probe.compareBytes(place(), length, place() + 512, otherLength);
        const same = text.toLowerCase() === other.toLowerCase();
        const expected =
          (text === other ? 1 : 0) |
          (same ? 2 : 0) |
          (text.startsWith(other) ? 4 : 0) |
          (text.endsWith(other) ? 8 : 0) |
          (text.includes(other) ? 16 : 0);
        assert.equal(bits, expected, `${text} ${other}`);
      }),
      { numRuns: 2_000 },
    );
  });

  it('answer for literals as for the text', () => {
    for (const text of ['', 'ab-ab', 'ab-ab-', '-ab-ab', 'AB-AB', 'xab-aBx', 'ab-a', 'ab-ab-ab']) {
      const wanted = 'ab-ab';
      const expected =
        (text === wanted ? 1 : 0) |
        (text.startsWith(wanted) ? 4 : 0) |
        (text.endsWith(wanted) ? 8 : 0) |
        (text.includes(wanted) ? 16 : 0) |
        (text.toLowerCase().endsWith(wanted) ? 32 : 0) |
        (text.toLowerCase().includes(wanted) ? 64 : 0);
      assert.equal(probe.compareLiteral(place(), put(text)), expected, text);
    }
  });

  it('read a glob as the regular expression it stands for', async () => {
    await start();
    const escaped = (pattern: string, flags: string): RegExp =>
      new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, `s${flags}`);
    fc.assert(
      fc.property(textOf, textOf, fc.boolean(), (text, pattern, ignoreCase) => {
        const length = put(text);
        const patternLength = put(pattern, 512);
        const matches =
          probe.globBytes(place(), length, place() + 512, patternLength, ignoreCase ? 1 : 0) !== 0;
        assert.equal(
          matches,
          escaped(pattern, ignoreCase ? 'i' : '').test(text),
          `${text} ${pattern}`,
        );
      }),
      { numRuns: 3_000 },
    );
    for (const [text, expected] of [
      ['/api/x/v1.json', 1],
      ['/api//v12.json', 1],
      ['/api/x/v.json', 0],
      ['/api/x/v1.jso', 0],
    ] as const)
      assert.equal(probe.globLiteral(place(), put(text)), expected, text);
  });
});

describe('the config reader', () => {
  const configure = (text: string): string => {
    probe.configure(place(), put(text));
    return readString(probe.configured.value);
  };

  it('gives values, and what counts where nothing is said', () => {
    assert.equal(configure('{}'), '403 false block [] 0');
    const all = {
      status: 429,
      strict: true,
      mode: 'tag',
      paths: ['/a', '/\u00fc"'],
      limits: { burst: 7 },
      rules: [{ id: 'one' }, { id: 'two' }],
    };
    assert.equal(configure(JSON.stringify(all)), '429 true tag [/a|/ü"] 7 one two');
  });

  for (const [text, message] of [
    ['{', 'the config is no JSON: the text ends too early at byte 1'],
    ['[]', 'the config must be an object'],
    ['{"status":600}', 'status: must be a whole number from 400 to 599'],
    ['{"status":"403"}', 'status: must be a whole number'],
    ['{"strict":1}', 'strict: must be true or false'],
    ['{"mode":"allow"}', 'mode: must be one of block, tag, not "allow"'],
    ['{"paths":"/a"}', 'paths: must be a list of strings'],
    ['{"paths":["/a",1]}', 'paths[1]: must be a string'],
    ['{"limits":[]}', 'limits: must be an object'],
    ['{"limits":{"burst":0}}', 'limits.burst: must be a whole number from 1 to 100'],
    ['{"limits":{"burts":1}}', 'limits.burts: is not known here; there is burst'],
    ['{"rules":[{"id":"a"},{}]}', 'rules[1].id: is missing'],
    ['{"rules":[{"id":"a","x":1}]}', 'rules[0].x: is not known here; there is id'],
    [
      '{"stats":1}',
      'stats: is not known here; there is status, strict, mode, paths, limits, rules',
    ],
  ] as const) {
    it(`refuses ${text}`, () => {
      assert.throws(
        () => configure(text),
        ({ message: said }: Error) => said.startsWith(`abort: ${message}`),
      );
    });
  }
});
