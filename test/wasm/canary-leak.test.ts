/** Bodies cut anywhere hold the same secrets as bodies in one piece, and the same as a plain search finds. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { compileModule, type LiveModule } from '#wasm/live-module.ts';
import { buildRules } from '../../scripts/build-rules.ts';
import { testLimits, testServices, testSource } from '../support/guests.ts';
import { propertySettings } from '../support/property.ts';
import { stopOfResponse } from '../support/response-search.ts';

/** Some begin like others, and like secrets. */
const tokens = [
  'canary-1234',
  'canary-12345',
  'canary-12340',
  'AKIA-not-a-key',
  'sk_live_canary',
  `long${'x'.repeat(252)}`,
  'abcdabcdabcde',
];
const patterns = [
  'private-key',
  'aws-key',
  'github-token',
  'google-key',
  'slack-token',
  'stripe-key',
];
let bytes: Uint8Array;
let module: LiveModule;

before(async () => {
  const built = (await buildRules()).find(({ name }) => name === 'canary-leak');
  assert(built !== undefined);
  bytes = await readFile(built.path);
  module = moduleWith({ tokens, patterns });
});

function moduleWith(config: object): LiveModule {
  const source = {
    ...testSource,
    name: 'canary-leak',
    bytes,
    fuel: 60_000_000,
    config: JSON.stringify(config),
  };
  return compileModule(source, testLimits, testServices, (message) => {
    throw new Error(message);
  });
}

/** In the words of the README, by regular expressions. */
const naive: readonly RegExp[] = [
  ...tokens.map((token) => new RegExp(token)),
  /-----BEGIN (?:(?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY|PGP PRIVATE KEY BLOCK)-----/,
  /(?<![A-Z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Z0-9])/,
  /(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36}(?![A-Za-z0-9])/,
  /(?<![\w-])AIza[\w-]{35}(?![\w-])/,
  /(?<![\w-])xox[bps]-[\w-]{20,100}(?![\w-])/,
  /(?<![A-Za-z0-9])[sr]k_live_[A-Za-z0-9]{24,99}(?![A-Za-z0-9])/,
];

const some = (characters: string, minLength: number, maxLength: number) =>
  fc.array(fc.constantFrom(...characters), { minLength, maxLength }).map((parts) => parts.join(''));
const begun = (begin: fc.Arbitrary<string>, rest: fc.Arbitrary<string>) =>
  fc.tuple(begin, rest).map((parts) => parts.join(''));
/** Secrets, and what nearly is one. */
const piece = fc.oneof(
  fc.constantFrom(...tokens),
  fc.constantFrom(...tokens).map((token) => token.slice(0, -1)),
  fc.constantFrom('canary-12399', 'abcd', 'x', 'long', 'sk_live_'),
  fc.constantFrom('-----BEGIN ', 'RSA ', 'PRIVATE KEY-----', '-----BEGIN EC PRIVATE KEY-----'),
  begun(fc.constantFrom('AKIA', 'ASIA'), some('AZ09', 14, 18)),
  begun(fc.constantFrom('ghp_', 'ghr_'), some('aZ09', 34, 38)),
  begun(fc.constant('AIza'), some('aZ0_-', 33, 37)),
  begun(fc.constantFrom('xoxb-', 'xoxs-'), some('aZ0_-', 18, 22)),
  begun(fc.constant('xoxp-'), some('a', 98, 102)),
  begun(fc.constantFrom('sk_live_', 'rk_live_', 'sk_test_'), some('aZ0', 22, 26)),
  some('aA-_ 0\n', 0, 40),
  some('a', 0, 400),
);

test('as a plain search, wherever the body is cut', (t) => {
  let found = 0;
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 6 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
      (pieces, places) => {
        const text = pieces.join('');
        const body = Buffer.from(text, 'latin1');
        const expected = naive.some((pattern) => pattern.test(text));
        const cuts = places
          .map((place) => Math.floor(place * body.length))
          .toSorted((a, b) => a - b);
        for (const these of [[], cuts])
          assert.equal(stopOfResponse(module, body, these).stop !== null, expected, text);
        if (expected) found++;
      },
    ),
    propertySettings(t, 3_000),
  );
  assert.ok(found > 100 && found < 2_900, `${found} of 3000 held a secret`);
});

test('a secret cut at each of its bytes is found', () => {
  const secrets = [...tokens, '-----BEGIN OPENSSH PRIVATE KEY-----', `AKIA${'A'.repeat(16)}`];
  for (const secret of secrets) {
    const body = Buffer.from(`${' '.repeat(1_000)}${secret}${' '.repeat(1_000)}`);
    for (let at = 0; at <= secret.length; at++)
      assert.notEqual(stopOfResponse(module, body, [1_000 + at]).stop, null, `${secret} at ${at}`);
  }
});

test('a window full of beginnings of secrets takes no more than the fuel of the README', () => {
  const alike = Array.from({ length: 100 }, (_, index) => `canary-token-${1_000 + index}`);
  const guarded = moduleWith({ tokens: alike, patterns });
  const texts = ['AKIA', 'a', '-', '-----BEGIN ', 'xoxb-', 'ghp_', 'sk_live_', 'AIza ', ' AKIA'];
  for (const text of [...texts, 'canary-token-', 'canary-token-109', 'cana', 'canary-t']) {
    const body = Buffer.from(text.repeat(Math.ceil(131_072 / text.length))).subarray(0, 131_072);
    assert.equal(stopOfResponse(guarded, body, []).stop, null, text);
  }
});
