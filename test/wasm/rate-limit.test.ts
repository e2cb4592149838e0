/** The module `rate-limit`: who shares a bucket, and what happens to those who ask too often. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { trialServices } from '#wasm/services/trial-services.ts';
import { type Client, type RuleAnswer, RuleModule, shippedBytes } from '../support/rule-module.ts';
import type { RequestParts } from '../support/view.ts';

let bytes: Uint8Array;

before(async () => {
  bytes = await shippedBytes('rate-limit');
});

const open = (...limits: readonly object[]): RuleModule =>
  new RuleModule(
    'rate-limit',
    bytes,
    { limits },
    { grants: ['kv:node'], services: trialServices(() => {}) },
  );

const minute = { id: 'l', requests: 3, seconds: 60 };

function last(
  module: RuleModule,
  times: number,
  parts: RequestParts,
  client: Client = {},
): RuleAnswer {
  let answer = module.head(parts, client);
  for (let i = 1; i < times; i++) answer = module.head(parts, client);
  return answer;
}

describe('a limit', () => {
  it('lets the number through and refuses the next', () => {
    const module = open(minute);
    assert.equal(last(module, 3, { target: '/' }).stop, null);
    const { stop, matched } = module.head({ target: '/' });
    assert.equal(stop, 'limited rate-limit/l');
    assert.equal(matched, 'l 203.0.113.7');
    assert.equal(module.head({ target: '/' }, { address: '203.0.113.8' }).stop, null);
  });

  it('lets a burst through', () => {
    const module = open({ ...minute, burst: 6 });
    assert.equal(last(module, 6, { target: '/' }).stop, null);
    assert.equal(module.head({ target: '/' }).stop, 'limited rate-limit/l');
  });

  it('counts only what it is for', () => {
    const module = open({ ...minute, paths: '/login', methods: ['POST'], except: '10.0.0.0/8' });
    assert.equal(last(module, 9, { target: '/login' }).stop, null, 'another method');
    assert.equal(last(module, 9, { target: '/loginx', method: 'POST' }).stop, null, 'another path');
    const inside = { address: '10.1.2.3' };
    assert.equal(
      last(module, 9, { target: '/login', method: 'POST' }, inside).stop,
      null,
      'an exception',
    );
    assert.equal(last(module, 3, { target: '/login/x', method: 'POST' }).stop, null);
    const hidden = { target: '/%6cogin?x', method: 'POST' };
    assert.equal(module.head(hidden).stop, 'limited rate-limit/l', 'a path that is encoded');
  });

  it('of every request counts beside one of a few', () => {
    const module = open(
      { ...minute, id: 'all', requests: 5 },
      { ...minute, id: 'login', paths: '/login', requests: 2 },
    );
    assert.equal(last(module, 2, { target: '/login' }).stop, null);
    assert.equal(module.head({ target: '/login' }).stop, 'limited rate-limit/login');
    assert.equal(last(module, 2, { target: '/' }).stop, null);
    assert.equal(module.head({ target: '/' }).stop, 'limited rate-limit/all');
  });
});

describe('the other actions', () => {
  it('come to those above the number', () => {
    const module = open(
      { ...minute, id: 'a', requests: 1, action: 'tag' },
      { ...minute, id: 'b', requests: 2, action: 'score', score: 7 },
      { ...minute, id: 'c', requests: 3, action: 'challenge' },
    );
    assert.deepEqual(module.head({ target: '/' }).tags, []);
    assert.deepEqual(module.head({ target: '/' }).tags, ['rate-limit/a']);
    assert.deepEqual(module.head({ target: '/' }), {
      stop: null,
      matched: '',
      tags: ['rate-limit/a'],
      score: 7,
      edits: [],
    });
    assert.equal(module.head({ target: '/' }).stop, 'challenge rate-limit/c client');
  });

  it('block with 429 unless told otherwise', () => {
    const module = open({ ...minute, action: 'block' });
    assert.equal(last(module, 4, { target: '/' }).stop, 'block 429 rate-limit/l client');
  });
});

describe('a key', () => {
  const keyed = (
    key: string | readonly string[],
    parts: RequestParts,
    client: Client = {},
  ): string => last(open({ ...minute, requests: 1, key }), 2, parts, client).matched;
  const headers = [
    ['Host', 'a.example'],
    ['X-Token', 'abc'],
    ['Cookie', 'a=1; sid=42'],
  ] as const;
  const ja4 = 't13d1516h2_8daaf6152771_e5627efa2ab1';
  const rows: readonly (readonly [string | readonly string[], string, Client?])[] = [
    ['address', 'l 203.0.113.7'],
    ['address-block', 'l 4:cb0071'],
    ['address-block', 'l 6:20010db8000100', { address: '2001:db8:1:2::7' }],
    ['address-block', 'l 4:cb0071', { address: '::ffff:203.0.113.9' }],
    ['header:x-token', 'l abc'],
    ['header:x-none', 'l -'],
    ['cookie:sid', 'l 42'],
    ['cookie:none', 'l -'],
    ['ja4', `l ${ja4}`, { ja4 }],
    ['ja4', 'l -'],
    [['host', 'method', 'path'], 'l a.example|GET|/p'],
  ];
  for (const [key, expected, client = {}] of rows)
    it(`of ${String(key)} is ${expected}`, () => {
      assert.equal(keyed(key, { target: '/p?q', headers }, client), expected);
    });

  it('keeps long parts apart by all of their bytes, in a bounded length', () => {
    const token = 'x'.repeat(3_000);
    const of = (value: string): string =>
      keyed(['header:x-a', 'header:x-b', 'path', 'address'], {
        target: `/${'p'.repeat(3_000)}`,
        headers: [
          ['X-A', value],
          ['X-B', token],
        ],
      });
    assert.notEqual(of(`${token}1`), of(`${token}2`));
    assert(of(token).length <= 256);
  });
});

describe('a configuration that cannot be right is refused by its place', () => {
  const rows: readonly (readonly [object, RegExp])[] = [
    [{ limits: [{ requests: 1, seconds: 1 }] }, /limits\[0\]\.id: is missing/],
    [{ limits: [minute, minute] }, /limits\[1\]\.id: .*earlier/],
    [{ limits: [{ id: 'l', seconds: 1 }] }, /limits\[0\]\.requests: is missing/],
    [{ limits: [{ ...minute, requests: 0 }] }, /limits\[0\]\.requests: .*from 1/],
    [{ limits: [{ ...minute, key: 'addres' }] }, /limits\[0\]\.key: "addres" is none of/],
    [{ limits: [{ ...minute, key: 'header:X' }] }, /limits\[0\]\.key: /],
    [
      { limits: [{ ...minute, key: ['path', 'host', 'ja4', 'method', 'path'] }] },
      /limits\[0\]\.key: has more/,
    ],
    [{ limits: [{ ...minute, paths: 'login' }] }, /limits\[0\]\.paths: "login" is no path/],
    [{ limits: [{ ...minute, except: ['x'] }] }, /limits\[0\]\.except: "x"/],
    [{ limits: [{ ...minute, action: 'drop' }] }, /limits\[0\]\.action: must be one of/],
    [{ limits: [{ ...minute, action: 'tag', burst: 5 }] }, /limits\[0\]\.burst: is only/],
    [{ limits: [{ ...minute, burst: 1_000_000 }] }, /limits\[0\]\.burst: .*day/],
    [{ limits: [{ ...minute, why: '' }] }, /limits\[0\]\.why: is not known/],
    [{ limit: [] }, /limit: is not known/],
  ];
  for (const [config, message] of rows)
    it(JSON.stringify(config), () => {
      assert.throws(() => new RuleModule('rate-limit', bytes, config, { grants: ['kv:node'] }), {
        message,
      });
    });

  it('names the grant that is missing', () => {
    assert.throws(() => new RuleModule('rate-limit', bytes, {}), { message: /grant/ });
  });
});
