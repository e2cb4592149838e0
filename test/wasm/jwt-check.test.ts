/** The module `jwt-check`: tokens of every algorithm, and every way in which one can be wrong. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { HostServices } from '#wasm/host-services.ts';
import { trialServices } from '#wasm/services/trial-services.ts';
import { propertySettings } from '../support/property.ts';
import { type RuleAnswer, RuleModule, shippedBytes } from '../support/rule-module.ts';

const grants = ['clock', 'crypto', 'fetch', 'kv:worker'];
const secret = Buffer.alloc(64, 'k');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ed25519 = generateKeyPairSync('ed25519');
const now = Math.floor(Date.now() / 1000);

const jwk = (key: KeyObject, more: object): object => ({
  ...key.export({ format: 'jwk' }),
  ...more,
});
const keys = {
  keys: [
    jwk(rsa.publicKey, { kid: 'rsa', use: 'sig' }),
    jwk(p256.publicKey, { kid: 'p256' }),
    jwk(p384.publicKey, { kid: 'p384', alg: 'ES384' }),
    jwk(ed25519.publicKey, { kid: 'ed' }),
    { kty: 'oct', kid: 'hs', k: secret.toString('base64url') },
    jwk(otherRsa.publicKey, { kid: 'enc', use: 'enc' }),
  ],
};

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

type Header = { alg: string; [name: string]: unknown };

function signatureOf(alg: string, data: string, key: KeyObject | Buffer): Buffer {
  if (Buffer.isBuffer(key))
    return createHmac(`sha${alg.slice(2)}`, key)
      .update(data)
      .digest();
  if (alg === 'EdDSA') return sign(null, Buffer.from(data), key);
  const hash = `sha${alg.slice(2)}`;
  if (alg.startsWith('PS'))
    return sign(hash, Buffer.from(data), { key, padding: 6, saltLength: -1 });
  return sign(hash, Buffer.from(data), { key, dsaEncoding: 'ieee-p1363' });
}

function token(
  header: Header | string,
  claims: unknown,
  key: KeyObject | Buffer = rsa.privateKey,
): string {
  const data = `${part(header)}.${part(claims)}`;
  const alg = typeof header === 'string' ? 'RS256' : header.alg;
  const known = /^(?:[HRPE]S(?:256|384|512)|EdDSA)$/.test(alg);
  return `${data}.${known ? signatureOf(alg, data, key).toString('base64url') : ''}`;
}

const rs = { alg: 'RS256', kid: 'rsa' };
const good = { sub: 'ann', exp: now + 600 };
const all = 'RS256 PS256 ES256 ES384 EdDSA HS256'.split(' ');

let bytes: Uint8Array;
let module: RuleModule;

before(async () => {
  bytes = await shippedBytes('jwt-check');
  module = open({});
});

function open(more: object, services: HostServices = trialServices(() => {})): RuleModule {
  const config = { paths: '/api', keys, algorithms: all, ...more };
  return new RuleModule('jwt-check', bytes, config, { grants, services });
}

function ask(of: RuleModule, bearer: string | null, target = '/api/x'): RuleAnswer {
  const headers = bearer === null ? [] : [['Authorization', `Bearer ${bearer}`] as const];
  return of.head({ target, headers });
}

const verdictOf = (bearer: string | null): string | null => ask(module, bearer).stop;
const refused = (rule: string): string => `block 401 jwt-check/${rule} header:authorization`;

describe('a token that is right', () => {
  const rows: readonly (readonly [string, string, KeyObject | Buffer])[] = [
    ['RS256', 'rsa', rsa.privateKey],
    ['PS256', 'rsa', rsa.privateKey],
    ['ES256', 'p256', p256.privateKey],
    ['ES384', 'p384', p384.privateKey],
    ['EdDSA', 'ed', ed25519.privateKey],
    ['HS256', 'hs', secret],
  ];
  for (const [alg, kid, key] of rows)
    it(`of ${alg} passes, with a kid and without`, () => {
      assert.equal(verdictOf(token({ alg, kid }, good, key)), null);
      assert.equal(verdictOf(token({ alg }, good, key)), null);
    });

  it('passes whatever the case of Bearer, and as a cookie where it is one', () => {
    const bearer = token(rs, good);
    const headers = [['authorization', `bEARER   ${bearer}`]] as const;
    assert.equal(module.head({ target: '/api', headers }).stop, null);
    const byCookie = open({ from: 'cookie:sid' });
    const cookie = (text: string): string | null =>
      byCookie.head({ target: '/api', headers: [['Cookie', text]] }).stop;
    assert.equal(cookie(`a=b; sid=${bearer}`), null);
    assert.equal(cookie('a=b'), 'block 401 jwt-check/no-token cookie');
    assert.equal(cookie(`sid=${bearer}; sid=${bearer}`), 'block 401 jwt-check/no-token cookie');
  });
});

describe('a token that is wrong', () => {
  const valid = (): string => token(rs, good);
  const swapped = (): string => {
    const [header, , signature] = valid().split('.');
    return `${header}.${part({ ...good, sub: 'root' })}.${signature}`;
  };
  const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
  const rows: readonly (readonly [string, () => string | null, string])[] = [
    ['is not there', () => null, 'no-token'],
    ['has two parts', () => 'a.b', 'malformed'],
    ['has four parts', () => `${valid()}.x`, 'malformed'],
    ['is empty', () => '', 'malformed'],
    ['is dots', () => '..', 'malformed'],
    ['has padding', () => `${valid()}=`, 'malformed'],
    ['is longer than its bound', () => token(rs, { ...good, x: 'y'.repeat(8_000) }), 'malformed'],
    ['has a header that is no object', () => token('[]', good), 'malformed'],
    ['has claims that are no object', () => token(rs, '"x"'), 'malformed'],
    ['says alg twice', () => token('{"alg":"RS256","kid":"rsa","alg":"RS256"}', good), 'malformed'],
    ['says a claim twice', () => token(rs, `{"exp":${now + 600},"exp":1}`), 'malformed'],
    ['writes a name with an escape', () => token(rs, `{"\\u0065xp":${now + 600}}`), 'malformed'],
    [
      'is deep',
      () => token(rs, { ...good, a: JSON.parse('['.repeat(20) + ']'.repeat(20)) }),
      'malformed',
    ],
    ['says none', () => token({ alg: 'none' }, good), 'algorithm'],
    ['says None', () => token({ alg: 'None' }, good), 'algorithm'],
    [
      'says an algorithm that is not allowed',
      () => token({ alg: 'RS512', kid: 'rsa' }, good),
      'algorithm',
    ],
    ['says no algorithm', () => token('{"kid":"rsa"}', good), 'algorithm'],
    ['asks for an extension', () => token({ ...rs, crit: ['b64'], b64: false }, good), 'malformed'],
    ['is signed by another key', () => token(rs, good, otherRsa.privateKey), 'signature'],
    ['has other claims', swapped, 'signature'],
    ['has no signature', () => `${valid().split('.').slice(0, 2).join('.')}.`, 'signature'],
    ['names no key we know', () => token({ ...rs, kid: 'other' }, good), 'key'],
    [
      'names a key for encryption',
      () => token({ ...rs, kid: 'enc' }, good, otherRsa.privateKey),
      'key',
    ],
    ['names a key of another kind', () => token({ ...rs, kid: 'p256' }, good), 'key'],
    [
      'is an HMAC by the public key',
      () => token({ alg: 'HS256', kid: 'rsa' }, good, Buffer.from(publicPem)),
      'key',
    ],
    [
      'is of a curve for another hash',
      () => token({ alg: 'ES256', kid: 'p384' }, good, p384.privateKey),
      'key',
    ],
    ['has no exp', () => token(rs, { sub: 'ann' }), 'claims'],
    ['has expired', () => token(rs, { exp: now - 61 }), 'claims'],
    ['has an exp that is a text', () => token(rs, { exp: `${now + 600}` }), 'claims'],
    ['has an exp beyond all time', () => token(rs, '{"exp":1e30}'), 'claims'],
    ['is not valid yet', () => token(rs, { ...good, nbf: now + 120 }), 'claims'],
    ['comes from the future', () => token(rs, { ...good, iat: now + 120 }), 'claims'],
  ];
  for (const [what, make, rule] of rows)
    it(`because it ${what} is refused`, () => assert.equal(verdictOf(make()), refused(rule)));

  it('is let through within the leeway', () => {
    assert.equal(verdictOf(token(rs, { exp: now - 30, nbf: now + 30, iat: now + 30 })), null);
  });

  it('is told so, and one that is missing is asked for', () => {
    assert.deepEqual(ask(module, null).edits, [
      'response set www-authenticate: Bearer realm="api"',
    ]);
    assert.deepEqual(ask(module, 'x.y.z').edits, [
      'response set www-authenticate: Bearer realm="api", error="invalid_token"',
    ]);
    assert.equal(ask(module, 'x.y.z').matched, '', 'nothing of a secret is shown');
  });

  it('is refused beside a second one', () => {
    const field = ['Authorization', `Bearer ${valid()}`] as const;
    assert.equal(
      module.head({ target: '/api', headers: [field, field] }).stop,
      refused('no-token'),
    );
  });

  it('is refused whatever one byte of it becomes', (test) => {
    const bearer = valid();
    fc.assert(
      fc.property(fc.nat(bearer.length - 1), fc.constantFrom(...'AZaz09-_.=% '), (at, byte) => {
        fc.pre(bearer[at] !== byte);
        assert.notEqual(verdictOf(bearer.slice(0, at) + byte + bearer.slice(at + 1)), null);
      }),
      propertySettings(test, 300),
    );
  });

  it('never breaks the module, whatever it is', (test) => {
    const piece = fc.oneof(
      fc
        .string({ unit: 'binary-ascii', maxLength: 30 })
        .map((text) => text.replace(/[^\x21-\x7e]/g, '')),
      fc.json({ maxDepth: 3 }).map(part),
      fc.constantFrom(part(rs), part(good), '.', '..'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        assert.notEqual(verdictOf(pieces.join('.')), null);
      }),
      propertySettings(test, 500),
    );
  });
});

describe('what is demanded of claims', () => {
  const demanding = {
    issuer: 'https://id.example',
    audience: ['a', 'b'],
    required: ['sub'],
    ageSecondsMax: 300,
  };
  const claims = { ...good, iss: 'https://id.example', aud: 'a', iat: now };
  const rows: readonly (readonly [string, object, boolean])[] = [
    ['all of it', claims, true],
    ['a list with ours in it', { ...claims, aud: ['x', 'b'] }, true],
    ['another audience', { ...claims, aud: 'c' }, false],
    ['a list without ours', { ...claims, aud: ['x', 'y'] }, false],
    ['a list with what is no text', { ...claims, aud: ['a', 1] }, false],
    ['no audience', { ...claims, aud: undefined }, false],
    ['another issuer', { ...claims, iss: 'https://id.example.evil' }, false],
    ['no issuer', { ...claims, iss: undefined }, false],
    ['no sub', { ...claims, sub: undefined }, false],
    ['too old', { ...claims, iat: now - 400 }, false],
    ['of no age', { ...claims, iat: undefined }, false],
  ];
  for (const [what, given, passes] of rows)
    it(`${what}: ${passes ? 'passes' : 'is refused'}`, () => {
      assert.equal(ask(open(demanding), token(rs, given)).stop, passes ? null : refused('claims'));
    });
});

describe('what the upstream is told', () => {
  const telling = { claims: { sub: 'x-user', roles: 'x-roles', n: 'x-n', admin: 'x-admin' } };
  const spoofed = [
    ['X-User', 'root'],
    ['x-USER', 'root'],
  ] as const;

  it('are the claims, and nothing that came from outside', () => {
    const of = open(telling);
    const bearer = token(rs, { ...good, roles: ['a', 'b'], n: 12, admin: true });
    const headers = [...spoofed, ['Authorization', `Bearer ${bearer}`]] as const;
    assert.deepEqual(of.head({ target: '/api', headers }).edits, [
      'remove x-user',
      'set x-user: ann',
      'set x-roles: a,b',
      'set x-n: 12',
      'set x-admin: true',
    ]);
    assert.deepEqual(of.head({ target: '/open', headers: spoofed }).edits, ['remove x-user']);
  });

  const hostile: readonly (readonly [string, unknown])[] = [
    ['a line break', { sub: 'a\r\nx-admin: 1' }],
    ['a NUL', { sub: 'a\0' }],
    ['an object', { sub: {} }],
    ['null', { sub: null }],
    ['a list with a comma in a word', { roles: ['a,admin'] }],
    ['a list of numbers', { roles: [1] }],
    ['a text beyond its bound', { sub: 'x'.repeat(1_025) }],
  ];
  for (const [what, given] of hostile)
    it(`is never ${what}`, () => {
      const answer = ask(open(telling), token(rs, { ...good, ...(given as object) }));
      assert.equal(answer.stop, refused('claims'));
    });
});

describe('paths', () => {
  it('are guarded as they came and decoded, and excepted only as they came', () => {
    const of = open({ except: '/api/health' });
    const guarded = [
      '/api',
      '/api/x',
      '/%61pi/x',
      '/api/health/../x',
      '/api/healthy',
      '/%61pi/health',
      '/api/health%2f..%2fx',
    ];
    for (const target of guarded)
      assert.equal(ask(of, null, target).stop, refused('no-token'), target);
    for (const target of ['/', '/apis', '/x/api', '/api/health', '/api/health/db'])
      assert.equal(ask(of, null, target).stop, null, target);
  });
});

describe('keys that are fetched', () => {
  const jwks = 'https://id.example/jwks';
  type Fetched = { key: string; url: string; ttlMs: number };
  function world(answers: () => string | null): { services: HostServices; fetched: Fetched[] } {
    const fetched: Fetched[] = [];
    const services: HostServices = trialServices(() => {}, {
      fetcher: {
        fetch: ({ module: name }, url, key, ttlMs) => {
          fetched.push({ key, url, ttlMs });
          const answer = answers();
          if (answer !== null) services.values('worker', name).set(key, Buffer.from(answer), ttlMs);
          return 'started';
        },
        call: () => Promise.resolve(null),
      },
    });
    return { services, fetched };
  }
  const remote = { keys: undefined, jwks, algorithms: ['RS256', 'ES256'] };

  it('are asked for when the module is configured, and used', () => {
    const { services, fetched } = world(() => JSON.stringify(keys));
    const of = open(remote, services);
    assert.deepEqual(fetched, [{ key: 'jwks', url: jwks, ttlMs: 3_600_000 }]);
    assert.equal(ask(of, token(rs, good)).stop, null);
  });

  it('and are not there yet mean 503, never a pass', () => {
    const { services } = world(() => null);
    assert.equal(
      ask(open(remote, services), token(rs, good)).stop,
      'block 503 jwt-check/no-keys token',
    );
  });

  for (const answer of ['', '{}', '<html>', '{"keys":[]}', '{"keys":{}}', '{"keys":[1]}', '['])
    it(`and are ${JSON.stringify(answer)} verify nothing`, () => {
      const { services } = world(() => answer);
      assert.match(
        String(ask(open(remote, services), token(rs, good)).stop),
        /^block (?:401|503) /,
      );
    });

  it('are asked for once more when a token names one that is not among them', () => {
    let answer = JSON.stringify({ keys: [keys.keys[1]] });
    const { services, fetched } = world(() => answer);
    const of = open(remote, services);
    assert.equal(ask(of, token(rs, good)).stop, refused('key'));
    answer = JSON.stringify(keys);
    services.values('worker', 'jwt-check').delete('jwks-renewed');
    assert.equal(ask(of, token(rs, good)).stop, null);
    assert.deepEqual(new Set(fetched.map(({ key }) => key)), new Set(['jwks', 'jwks-renewed']));
  });
});

describe('a configuration that cannot be right is refused by its place', () => {
  const rows: readonly (readonly [object, RegExp])[] = [
    [{ paths: undefined }, /: paths: is missing/],
    [{ paths: 'api' }, /: paths: "api" is no path/],
    [{ keys: undefined }, /: keys: or jwks: exactly one/],
    [{ jwks: 'https://x.example/' }, /: keys: or jwks: exactly one/],
    [{ keys: {} }, /: keys: is no key set/],
    [{ keys: undefined, jwks: 'ftp://x' }, /: jwks: is no URL/],
    [{ keys: undefined, jwks: 'https://x.example/' }, /: algorithms: HS256 needs a secret/],
    [{ algorithms: 'none' }, /: algorithms: "none" is none of/],
    [{ from: 'query:t' }, /: from: is neither/],
    [{ leewaySeconds: 601 }, /: leewaySeconds: .*600/],
    [{ claims: { sub: 'X-User' } }, /: claims\.sub: names no header/],
    [{ claims: { sub: 'x-a', id: 'x-a' } }, /: claims\.id: "x-a" is set by another/],
    [{ realm: 'a"b' }, /: realm: /],
    [{ isuer: 'x' }, /: isuer: is not known/],
  ];
  for (const [more, message] of rows)
    it(JSON.stringify(more), () => assert.throws(() => open(more), { message }));
});
