/** The module `universal`: its rules against a plain reading of the same, and what its configuration may say. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { propertySettings } from '../support/property.ts';
import { type RuleAnswer, RuleModule, shippedBytes } from '../support/rule-module.ts';

let bytes: Uint8Array;

before(async () => {
  bytes = await shippedBytes('universal');
});

const grants = ['log', 'regex'];
const open = (rules: readonly unknown[]): RuleModule =>
  new RuleModule('universal', bytes, { rules }, { grants });

describe('one condition', () => {
  type Row = readonly [condition: object, target: string, holds: boolean];
  const rows: readonly Row[] = [
    [{ field: 'path', match: { equals: '/a' } }, '/a', true],
    [{ field: 'path', match: { equals: '/a' } }, '/a/', false],
    [{ field: 'path', match: { in: ['/a', '/bb/cc'] } }, '/bb/cc', true],
    [{ field: 'path', match: { prefix: '/wp-' } }, '/wp-login.php', true],
    [{ field: 'path', match: { prefix: '/wp-' } }, '/x/wp-login.php', false],
    [{ field: 'path', match: { suffix: '.php' } }, '/x.php', true],
    [{ field: 'path', match: { suffix: '.php' } }, '/x.php/', false],
    [{ field: 'path', match: { suffix: '.PHP' } }, '/x.php', false],
    [{ field: 'path', match: { suffix: '.PHP' }, ignoreCase: true }, '/x.pHp', true],
    [{ field: 'path', match: { contains: 'min' } }, '/admin', true],
    [{ field: 'path', match: { contains: '' } }, '/', true],
    [{ field: 'path', match: { glob: '/a*/c?' } }, '/ab/x/cd', true],
    [{ field: 'path', match: { glob: '/a*/c?' } }, '/ab/x/c', false],
    [{ field: 'path', match: { glob: '*' } }, '/', true],
    [{ field: 'path', match: { prefix: '/admin' } }, '/%61dmin', true],
    [{ field: 'path', match: { regex: '^/\\d+$' } }, '/123', true],
    [{ field: 'path', match: { regex: '^/\\d+$' } }, '/123x', false],
    [{ field: 'path', match: { regex: ['^/x', '^/y'] } }, '/y', true],
    [{ field: 'path', match: { prefix: '/open' }, not: true }, '/shut', true],
    [{ field: 'path', match: { prefix: '/open' }, not: true }, '/open', false],
    [{ field: 'query', match: { contains: 'a=1' } }, '/?a=1', true],
    [{ field: 'query', match: { glob: '*' } }, '/', false],
    [{ field: 'method', match: { equals: 'GET' } }, '/', true],
    [{ field: 'host', match: { equals: 'A.example' } }, '/', true],
    [{ field: 'host', match: { suffix: ':8443' } }, '/', false],
    [{ field: 'header:user-agent', match: { contains: 'bot' } }, '/', true],
    [{ field: 'header:x-none', match: { glob: '*' }, not: true }, '/', true],
    [{ field: 'cookie:id', match: { equals: '7' } }, '/', true],
    [{ field: 'cookie:ID', match: { equals: '7' } }, '/', false],
    [{ field: 'arg:q', match: { equals: 'a b' } }, '/?x=1&q=a+b', true],
    [{ field: 'arg:q', match: { equals: 'x' } }, '/?%71=%78', true],
    [{ field: 'any-arg', match: { contains: '<script' } }, '/?a=1&b=%3Cscript%3E', true],
    [{ field: 'any-arg', match: { contains: '<script' } }, '/?%3Cscript%3E', false],
    [{ field: 'address', match: { cidr: '203.0.113.0/24' } }, '/', true],
    [{ field: 'address', match: { cidr: ['10.0.0.0/8', '2001:db8::/32'] } }, '/', false],
    [{ field: 'address', match: { equals: '203.0.113.7' } }, '/', true],
    [{ field: 'ja4', match: { glob: '*' } }, '/', false],
  ];
  const headers = [
    ['Host', 'a.Example:8443'],
    ['User-Agent', 'a bot'],
    ['Cookie', 'x=1; id=7'],
  ] as const;
  for (const [condition, target, holds] of rows) {
    it(`${JSON.stringify(condition)} ${holds ? 'holds' : 'does not hold'} for ${target}`, () => {
      const { stop } = open([{ id: 'r', ...condition }]).head({ target, headers });
      const { field } = condition as { field: string };
      assert.equal(stop, holds ? `block 403 universal/r ${field}` : null);
    });
  }
});

describe('rules', () => {
  it('take their actions in order, and the first stop ends them', () => {
    const path = { field: 'path', match: { prefix: '/' } };
    const guest = open([
      { id: 'one', ...path, action: 'tag' },
      { id: 'two', ...path, action: 'score', score: -3 },
      { id: 'three', ...path, action: 'tag', tag: 'x:y' },
      { id: 'four', ...path, action: 'set-header', header: 'x-a', value: 'b c' },
      { id: 'five', ...path, action: 'set-header', header: 'x-b', value: '', on: 'response' },
      { id: 'six', ...path, action: 'challenge' },
      { id: 'seven', ...path, action: 'block' },
    ]);
    const expected: RuleAnswer = {
      stop: 'challenge universal/six path',
      matched: '/',
      tags: ['one', 'x:y'],
      score: -3,
      edits: ['set x-a: b c', 'response set x-b: '],
    };
    assert.deepEqual(guest.head({ target: '/' }), expected);
    assert.deepEqual(guest.head({ target: '/' }), expected, 'and once more');
  });

  it('need all their conditions', () => {
    const guest = open([
      {
        id: 'r',
        all: [
          { field: 'path', match: { prefix: '/admin' } },
          { field: 'address', match: { cidr: '10.0.0.0/8' }, not: true },
        ],
        action: 'block',
        status: 404,
      },
    ]);
    assert.equal(guest.head({ target: '/admin' }).stop, 'block 404 universal/r path');
    assert.equal(guest.head({ target: '/' }).stop, null);
    assert.equal(guest.head({ target: '/admin' }, { address: '10.1.2.3' }).stop, null);
  });

  it('that allow end the list', () => {
    const guest = open([
      { id: 'health', field: 'path', match: { equals: '/health' }, action: 'allow' },
      { id: 'all', field: 'path', match: { glob: '*' } },
    ]);
    assert.equal(guest.head({ target: '/health' }).stop, null);
    assert.equal(guest.head({ target: '/healthy' }).stop, 'block 403 universal/all path');
  });

  it('limit by address', () => {
    const match = { prefix: '/' };
    const guest = open([
      { id: 'r', field: 'path', match, action: 'limit', requests: 2, seconds: 60 },
    ]);
    assert.equal(guest.head({ target: '/' }).stop, null);
    assert.equal(guest.head({ target: '/' }).stop, null);
    const answer = guest.head({ target: '/' });
    assert.equal(answer.stop, 'limited universal/r');
    assert.equal(answer.matched, 'universal/r 203.0.113.7');
    assert.equal(guest.head({ target: '/' }, { address: '203.0.113.8' }).stop, null);
  });

  it('on a body are decided with the body', () => {
    const guest = open([
      {
        id: 'r',
        all: [
          { field: 'body', match: { contains: 'evil' } },
          { field: 'path', match: { prefix: '/up' } },
        ],
      },
      { id: 'rx', field: 'body', match: { regex: 'w[o0]rse' } },
    ]);
    assert.equal(guest.head({ target: '/up' }).stop, null);
    assert.equal(
      guest.body({ target: '/up' }, 'some evil text').stop,
      'block 403 universal/r body',
    );
    assert.equal(guest.body({ target: '/down' }, 'some evil text').stop, null);
    assert.equal(guest.body({ target: '/down' }, 'w0rse').stop, 'block 403 universal/rx body');
    assert.equal(guest.body({ target: '/up' }, '').stop, null);
  });

  it('refuse more arguments than are looked at', () => {
    const guest = open([{ id: 'r', field: 'any-arg', match: { equals: 'x' } }]);
    assert.equal(guest.head({ target: `/?${'a&'.repeat(256)}` }).stop, null);
    assert.equal(
      guest.head({ target: `/?${'a&'.repeat(257)}` }).stop,
      'block 400 universal/arguments query',
    );
  });
});

describe('a thousand rules', () => {
  const words = ['shop', 'admin', 'api', 'v1', 'x', 'image', 'Login', 'a.b', ''];
  const word = fc.constantFrom(...words, 'AAAA', 'aaab', 'abab');
  const text = fc.array(word, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
  const glob = fc
    .array(fc.oneof(word, fc.constantFrom('*', '?')), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join(''));
  const condition = fc.oneof(
    fc.record({
      operator: fc.constantFrom('equals', 'prefix', 'suffix', 'contains'),
      text: fc.oneof(text, word),
    }),
    fc.record({ operator: fc.constant('glob'), text: glob }),
  );

  const naive = (
    operator: string,
    pattern: string,
    value: string,
    ignoreCase: boolean,
  ): boolean => {
    const fold = (given: string): string => (ignoreCase ? given.toLowerCase() : given);
    const [wanted, given] = [fold(pattern), fold(value)];
    if (operator === 'equals') return given === wanted;
    if (operator === 'prefix') return given.startsWith(wanted);
    if (operator === 'suffix') return given.endsWith(wanted);
    if (operator === 'contains') return given.includes(wanted);
    const source = wanted
      .replace(/[.\\+^$()[\]{}|]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    return new RegExp(`^${source}$`, 's').test(given);
  };

  it('hold where a plain reading holds', (test) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(condition, fc.boolean()), { minLength: 1, maxLength: 60 }),
        fc.array(text, { minLength: 1, maxLength: 5 }),
        (conditions, paths) => {
          const rules = conditions.map(([{ operator, text: pattern }, ignoreCase], index) => ({
            id: `r${index}`,
            field: 'path',
            match: { [operator]: pattern },
            ignoreCase,
            action: 'tag',
          }));
          const guest = open(rules);
          for (const path of paths) {
            const expected = conditions
              .map(([{ operator, text: pattern }, ignoreCase], index) =>
                naive(operator, pattern, path, ignoreCase) ? `r${index}` : '',
              )
              .filter((tag) => tag !== '');
            assert.deepEqual(guest.head({ target: path }).tags, expected, path);
          }
        },
      ),
      propertySettings(test, 200),
    );
  });

  it('that all mark one request end nothing, and leave room for a block', () => {
    const rules = Array.from({ length: 1_000 }, (_, index) => ({
      id: `r${index}`,
      field: 'header:x-a',
      match: { contains: `needle-${index}-x` },
      action: 'tag',
      tag: 'seen',
    }));
    const last = { id: 'last', field: 'header:x-a', match: { contains: '!!' } };
    const text = Array.from({ length: 1_000 }, (_, index) => `needle-${index}-x`).join(' ');
    const headers = [['X-A', `${text} !!`]] as const;
    const { stop, tags } = open([...rules, last]).head({ target: '/', headers });
    assert.deepEqual(tags, ['seen']);
    assert.equal(stop, 'block 403 universal/last header:x-a');
  });

  it('take work by the length of a value, whatever it holds', () => {
    const fills: readonly (readonly [string, (index: number) => string, string])[] = [
      ['keys alone', (index) => `aaaa${index}bbbbbbbb`, 'aaaa77bbbb'],
      ['one key in all', (index) => `same${'x'.repeat(index % 40)}`, 'same'],
      ['two bytes', (index) => `~${index.toString(36)}`.slice(0, 3), '~!'],
    ];
    for (const [what, contains, piece] of fills) {
      const of = (index: number): object => ({ contains: contains(index) });
      const guest = open(
        Array.from({ length: 1_000 }, (_, index) => ({
          id: `r${index}`,
          field: 'header:x-a',
          match: of(index),
          action: 'score',
          score: 1,
        })),
      );
      const headers = [['X-A', piece.repeat(28_000 / piece.length)]] as const;
      const before = guest.live.fuelUsed;
      guest.head({ target: '/', headers });
      assert(guest.live.fuelUsed - before < 15_000_000, `${what}: ${guest.live.fuelUsed - before}`);
    }
  });

  it('are found each by its own path, and none by another', () => {
    const rules = Array.from({ length: 1_000 }, (_, index) => ({
      id: `r${index}`,
      field: 'path',
      match:
        index % 2 === 0 ? { prefix: `/api/v1/item-${index}-` } : { glob: `*/item-${index}-*.php` },
    }));
    const guest = open(rules);
    for (let index = 0; index < 1_000; index++) {
      const target = index % 2 === 0 ? `/api/v1/item-${index}-x` : `/y/item-${index}-x.php`;
      assert.equal(guest.head({ target }).stop, `block 403 universal/r${index} path`);
    }
    assert.equal(guest.head({ target: '/api/v1/item-1000-x' }).stop, null);
  });
});

describe('a configuration that cannot be right is refused by its place', () => {
  const ok = { id: 'r', field: 'path', match: { equals: '/' } };
  const rows: readonly (readonly [config: unknown, message: RegExp])[] = [
    ['{', /is no JSON/],
    ['[]', /must be an object/],
    [{ rule: [] }, /: rule: is not known here; there is argumentsMax, rules/],
    [{ rules: {} }, /: rules: must be a list/],
    [{ rules: [1] }, /: rules\[0\]: must be an object/],
    [{ rules: [{}] }, /: rules\[0\]\.id: is missing/],
    [{ rules: [{ ...ok, id: 'a b' }] }, /: rules\[0\]\.id: /],
    [{ rules: [ok, ok] }, /: rules\[1\]\.id: .*earlier/],
    [{ rules: [{ ...ok, field: 'pth' }] }, /: rules\[0\]\.field: "pth" is none of path/],
    [{ rules: [{ ...ok, field: 'header:X-A' }] }, /: rules\[0\]\.field: .*lower case/],
    [{ rules: [{ ...ok, match: {} }] }, /: rules\[0\]\.match: must hold exactly one/],
    [{ rules: [{ ...ok, match: { like: 'x' } }] }, /: rules\[0\]\.match: must hold exactly one/],
    [{ rules: [{ ...ok, match: { equals: 1 } }] }, /: rules\[0\]\.match\.equals: /],
    [{ rules: [{ ...ok, match: { in: [] } }] }, /: rules\[0\]\.match\.in: is empty/],
    [
      { rules: [{ ...ok, match: { cidr: '10.0.0.0/8' } }] },
      /: rules\[0\]\.match\.cidr: is only for/,
    ],
    [
      { rules: [{ ...ok, field: 'address', match: { cidr: '10.0.0.0/33' } }] },
      /: rules\[0\]\.match\.cidr: "10/,
    ],
    [
      { rules: [{ ...ok, match: { regex: '(' } }] },
      /: rules\[0\]\.match\.regex: not all are regexes/,
    ],
    [{ rules: [{ ...ok, match: { regex: 'a\nb' } }] }, /line feed/],
    [
      { rules: [{ ...ok, field: 'body' }] },
      /: rules\[0\]\.match\.equals: cannot be asked of a body/,
    ],
    [
      { rules: [{ ...ok, field: 'body', match: { contains: 'x' }, not: true }] },
      /: rules\[0\]\.not: /,
    ],
    [{ rules: [{ ...ok, action: 'drop' }] }, /: rules\[0\]\.action: must be one of block/],
    [{ rules: [{ ...ok, status: 200 }] }, /: rules\[0\]\.status: .*400 to 599/],
    [{ rules: [{ ...ok, action: 'tag', status: 403 }] }, /: rules\[0\]\.status: is not known/],
    [{ rules: [{ ...ok, action: 'tag', tag: 'A' }] }, /: rules\[0\]\.tag: /],
    [{ rules: [{ ...ok, action: 'score' }] }, /: rules\[0\]\.score: is missing/],
    [{ rules: [{ ...ok, action: 'limit', requests: 5 }] }, /: rules\[0\]\.seconds: is missing/],
    [
      { rules: [{ ...ok, action: 'set-header', header: 'x', value: 'a\r\nb' }] },
      /: rules\[0\]\.value: /,
    ],
    [{ rules: [{ ...ok, all: [ok] }] }, /: rules\[0\]\.all\[0\]\.id: is not known/],
    [{ rules: [{ id: 'r', all: [] }] }, /: rules\[0\]\.all: is empty/],
  ];
  for (const [config, message] of rows) {
    it(JSON.stringify(config), () => {
      assert.throws(() => new RuleModule('universal', bytes, config, { grants }), { message });
    });
  }
});
