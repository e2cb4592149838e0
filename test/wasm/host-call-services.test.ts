/** `verify_signature`, `digest`, `regex_*`, `metric_*`, `block_address` and `lookup` by themselves, with hostile numbers. */
import assert from 'node:assert/strict';
import {
  constants,
  createHash,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { describe, it } from 'node:test';
import { GuestFailure } from '#wasm/guest-failure.ts';
import { verificationsMax } from '#wasm/hostcalls/crypto.ts';
import { BlockRequests, blocksAMinuteMax } from '#wasm/services/block-requests.ts';
import { RegexSets } from '#wasm/services/regex-sets.ts';
import { Signatures } from '#wasm/services/signatures.ts';
import { HostCallHarness, pageBytes, testTransaction } from '../support/host-call-harness.ts';

const failure = (kind: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GuestFailure, String(error));
  assert.equal(error.kind, kind);
  assert.match(error.message, text);
  return true;
};

const data = Buffer.from('eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0');
const jwkOf = (key: KeyObject, more: object = {}): string =>
  JSON.stringify({ ...key.export({ format: 'jwk' }), ...more });

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const smallRsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
const p521 = generateKeyPairSync('ec', { namedCurve: 'secp521r1' });
const ed = generateKeyPairSync('ed25519');
const secret = Buffer.alloc(64, 7);
const oct = (bytes: Buffer): string =>
  JSON.stringify({ kty: 'oct', k: bytes.toString('base64url') });

const signed = (hash: string | null, key: KeyObject, more: object = {}): Buffer =>
  sign(hash, data, { key, ...more });
const pss = (bytes: number) => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: bytes });
const raw = { dsaEncoding: 'ieee-p1363' as const };

describe('a signature', () => {
  const signatures = new Signatures();
  const hmac = (hash: string) => createHmac(hash, secret).update(data).digest();
  const good: readonly (readonly [string, string, Buffer])[] = [
    ['HS256', oct(secret), hmac('sha256')],
    ['HS384', oct(secret), hmac('sha384')],
    ['HS512', oct(secret), hmac('sha512')],
    ['RS256', jwkOf(rsa.publicKey), signed('sha256', rsa.privateKey)],
    ['RS512', jwkOf(rsa.publicKey, { alg: 'RS512', use: 'sig' }), signed('sha512', rsa.privateKey)],
    ['PS256', jwkOf(rsa.publicKey), signed('sha256', rsa.privateKey, pss(32))],
    [
      'PS384',
      jwkOf(rsa.publicKey, { key_ops: ['verify'] }),
      signed('sha384', rsa.privateKey, pss(48)),
    ],
    ['ES256', jwkOf(p256.publicKey), signed('sha256', p256.privateKey, raw)],
    ['ES384', jwkOf(p384.publicKey), signed('sha384', p384.privateKey, raw)],
    ['ES512', jwkOf(p521.publicKey), signed('sha512', p521.privateKey, raw)],
    ['EdDSA', jwkOf(ed.publicKey), signed(null, ed.privateKey)],
  ];
  for (const [algorithm, jwk, signature] of good) {
    it(`by ${algorithm} is valid, and not with a byte changed, cut or added`, () => {
      for (let round = 0; round < 2; round++) {
        assert.equal(signatures.verify(algorithm, jwk, data, signature), true);
        const changed = Buffer.from(signature);
        changed[3] = (changed[3] as number) ^ 1;
        for (const wrong of [
          changed,
          signature.subarray(1),
          Buffer.alloc(0),
          Buffer.concat([signature, data]),
        ])
          assert.equal(signatures.verify(algorithm, jwk, data, wrong), false);
        assert.equal(signatures.verify(algorithm, jwk, Buffer.from('other'), signature), false);
      }
    });
  }

  it('by RSA has the length of the modulus: one that begins with a zero byte is no other without it', () => {
    // One of 256 begins with it; PSS signs with a new salt each time.
    let signature = signed('sha256', rsa.privateKey, pss(32));
    while (signature[0] !== 0) signature = signed('sha256', rsa.privateKey, pss(32));
    const jwk = jwkOf(rsa.publicKey);
    assert.equal(signatures.verify('PS256', jwk, data, signature), true);
    assert.equal(signatures.verify('PS256', jwk, data, signature.subarray(1)), false);
  });

  const impossible: readonly (readonly [string, string, string])[] = [
    ['none', 'none', oct(secret)],
    ['an unknown algorithm', 'HS1', oct(secret)],
    ['a public key as the secret of HMAC', 'HS256', jwkOf(rsa.publicKey)],
    ['a secret as a public key', 'RS256', oct(secret)],
    ['an elliptic key for RSA', 'RS256', jwkOf(p256.publicKey)],
    ['another curve', 'ES256', jwkOf(p384.publicKey)],
    ['a key for another algorithm', 'PS256', jwkOf(rsa.publicKey, { alg: 'RS256' })],
    ['a key for encryption', 'RS256', jwkOf(rsa.publicKey, { use: 'enc' })],
    ['a key that may not verify', 'RS256', jwkOf(rsa.publicKey, { key_ops: ['encrypt'] })],
    ['RSA of 1,024 bits', 'RS256', jwkOf(smallRsa.publicKey)],
    ['a secret shorter than the hash', 'HS256', oct(secret.subarray(0, 31))],
    ['an empty secret', 'HS256', oct(Buffer.alloc(0))],
    ['an Ed25519 key for ES256', 'ES256', jwkOf(ed.publicKey)],
    ['a text that is no JSON', 'RS256', '{'],
    ['a list', 'RS256', '[]'],
    ['nothing', 'RS256', 'null'],
    ['a key without its numbers', 'RS256', '{"kty":"RSA"}'],
    [
      'a point that is on no curve',
      'ES256',
      JSON.stringify({ kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' }),
    ],
  ];
  for (const [what, algorithm, jwk] of impossible)
    it(`cannot be looked at with ${what}`, () =>
      assert.equal(signatures.verify(algorithm, jwk, data, Buffer.alloc(64)), null));

  it('as a host call is 1, 0 or -1, eight times in a call', () => {
    const host = new HostCallHarness();
    const [, jwk = '', signature = Buffer.alloc(0)] = good[0] ?? [];
    const verify = (algorithm: string, bytes: Buffer) =>
      host.call(
        'verify_signature',
        ...host.put(algorithm),
        ...host.put(jwk),
        ...host.put(data),
        ...host.put(bytes),
      );
    assert.equal(verify('HS256', signature), 1);
    assert.equal(verify('HS256', Buffer.alloc(32)), 0);
    assert.equal(verify('HS257', signature), -1);
    for (let i = 3; i < verificationsMax; i++) verify('HS256', signature);
    assert.throws(() => verify('HS256', signature), failure('limit', /more than 8 signatures/));
  });

  it('of too many bytes, or by too long a key, cannot be looked at', () => {
    const host = new HostCallHarness();
    host.memory.grow(2);
    assert.equal(host.call('verify_signature', 0, 17, 0, 1, 0, 1, 0, 1), -1);
    assert.equal(host.call('verify_signature', 0, 5, 0, 8_193, 0, 1, 0, 1), -1);
    assert.equal(host.call('verify_signature', 0, 5, 0, 1, 0, 65_537, 0, 1), -1);
    assert.equal(host.call('verify_signature', 0, 5, 0, 1, 0, 1, 0, 1_025), -1);
  });
});

describe('digest', () => {
  it('writes 32 bytes, which are marked as written', () => {
    const host = new HostCallHarness();
    const [at] = host.room(32);
    assert.equal(host.call('digest', 1, ...host.put('abc'), at), 32);
    const expected = createHash('sha256').update('abc').digest();
    assert.deepEqual(Buffer.from(host.memory.buffer).subarray(at, at + 32), expected);
    assert.deepEqual(host.touched, [[at, 32]]);
  });

  it('refuses other algorithms, too much, and room that is not there', () => {
    const host = new HostCallHarness();
    host.memory.grow(1);
    assert.throws(() => host.call('digest', 2, 0, 0, 0), failure('abi', /algorithm 2 is not 1/));
    assert.throws(() => host.call('digest', 1, 0, 65_537, 0), failure('limit', /65537 bytes/));
    assert.throws(
      () => host.call('digest', 1, 0, 3, 2 * pageBytes - 31),
      failure('abi', /outside the memory/),
    );
  });
});

describe('patterns', () => {
  const configured = (patterns: string) => {
    const host = new HostCallHarness();
    host.isConfiguring = true;
    const set = Number(host.call('regex_compile', ...host.put(patterns)));
    host.isConfiguring = false;
    const match = (text: string | Uint8Array, max = 8) => {
      const [at] = host.room(max * 4);
      const count = Number(host.call('regex_match', set, ...host.put(text), at, max));
      return host.words(at, Math.min(count, max));
    };
    return { host, set, match };
  };

  it('that match are told by their place', () => {
    const { match } = configured('sel.ct\n(?i)union\n^\\d+$\n\n');
    assert.deepEqual(match('a select UNION'), [0, 1, 3]);
    assert.deepEqual(match('4711'), [2, 3]);
    assert.deepEqual(match(''), [3]);
  });

  it('see bytes: one that is no UTF-8 hides nothing', () => {
    const { match } = configured('a.*b\na\\xffb\na.b');
    assert.deepEqual(match(Buffer.from([0x61, 0xff, 0x62])), [0, 1, 2]);
    assert.deepEqual(match('a\nb'), [0, 2]);
    assert.deepEqual(match('a\0b'), [0, 2]);
  });

  it('are counted in full where the room is too small', () => {
    const { host, set } = configured('a\nb\nc');
    const [at] = host.room(16);
    assert.equal(host.call('regex_match', set, ...host.put('abc'), at, 2), 3);
    assert.deepEqual(host.words(at, 4), [0, 1, 0, 0]);
    assert.deepEqual(host.touched, [[at, 8]]);
  });

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['no RE2', 'fine\na(?=b)', /"a\(\?=b\)" is no RE2/],
    ['none', '', /0 patterns/],
    ['too many', 'a\n'.repeat(257), /257 patterns/],
    ['too large together', `(?:${'x{900}'.repeat(4)}){9}`, /no RE2/],
  ];
  for (const [what, patterns, why] of wrong) {
    it(`are refused when they are ${what}, with a line in the log`, () => {
      const { host, set } = configured(patterns);
      assert.equal(set, -1);
      assert.match(host.logged[0]?.text ?? '', why);
    });
  }

  it('have sixteen sets and 64 KiB, while configuring only', () => {
    const host = new HostCallHarness();
    assert.throws(
      () => host.call('regex_compile', ...host.put('a')),
      failure('abi', /weir_configure/),
    );
    host.isConfiguring = true;
    for (let i = 0; i < 16; i++) assert.equal(host.call('regex_compile', ...host.put(`a${i}`)), i);
    assert.equal(host.call('regex_compile', ...host.put('more')), -1);
    const other = new HostCallHarness();
    other.isConfiguring = true;
    other.memory.grow(1);
    assert.equal(other.call('regex_compile', 0, 65_537), -1);
    assert.throws(() => host.call('regex_match', 16, 0, 0, 0, 0), failure('abi', /16 is no set/));
    assert.throws(() => host.call('regex_match', -1, 0, 0, 0, 0), failure('abi', /-1 is no set/));
    assert.throws(
      () => host.call('regex_match', 0, 0, 0, 0, 0x40000001),
      failure('abi', /outside the memory/),
    );
  });

  it('are one set for every instance of a module', () => {
    const sets = new RegexSets();
    assert.equal(sets.compile(['a', 'b']), sets.compile(['a', 'b']));
  });
});

describe('metrics of a module', () => {
  it('are defined while it is configured, and the same for each instance', () => {
    const host = new HostCallHarness();
    assert.throws(() => host.call('metric_define', 0, 0, 1), failure('abi', /weir_configure/));
    host.isConfiguring = true;
    const counter = host.call('metric_define', 0, ...host.put('hits')) as number;
    const gauge = host.call('metric_define', 1, ...host.put('level')) as number;
    assert.deepEqual([counter, gauge], [0, 1]);
    assert.equal(host.call('metric_define', 0, ...host.put('hits')), 0);
    assert.equal(host.call('metric_define', 1, ...host.put('hits')), -1);
    host.call('metric_add', counter, 3n);
    host.call('metric_set', gauge, 2.5);
    host.call('metric_add', gauge, -1n);
    assert.equal(host.samples.get('weir_module_custom_total{module="m",name="hits"}'), 3);
    assert.equal(host.samples.get('weir_module_custom{module="m",name="level"}'), 1.5);
    assert.throws(() => host.call('metric_add', counter, -1n), failure('abi', /never goes down/));
    assert.throws(() => host.call('metric_set', counter, 1), failure('abi', /is not set/));
    assert.throws(() => host.call('metric_add', 2, 1n), failure('abi', /2 is no id/));
    host.call('metric_set', gauge, Number.NaN);
    assert.equal(host.samples.get('weir_module_custom{module="m",name="level"}'), 1.5);
  });

  it('are at most 32, by plain names, of two kinds', () => {
    const host = new HostCallHarness();
    host.isConfiguring = true;
    const define = (name: string) => host.call('metric_define', 0, ...host.put(name));
    for (const name of ['', 'A', '1a', 'a-b', 'a"b', 'a\n', 'ä', 'a'.repeat(65)])
      assert.equal(define(name), -1, name);
    assert.equal(define('a'.repeat(64)), 0);
    for (let i = 1; i < 32; i++) assert.equal(define(`m${i}`), i);
    assert.equal(define('one_more'), -1);
    assert.throws(() => host.call('metric_define', 2, 0, 1), failure('abi', /kind 2/));
  });
});

describe('a module that blocks', () => {
  const bench = () => {
    const clock = { ms: 0 };
    const sent: string[] = [];
    const requests = new BlockRequests({
      isProtected: (address) => address === '192.0.2.1',
      send: (order) =>
        sent.push(`${order.module} ${order.address} ${order.ttlSeconds} ${order.reason}`) > 0,
      nowMs: () => clock.ms,
    });
    return { clock, sent, requests };
  };

  const refused: readonly (readonly [string, string, number, string])[] = [
    ['what is no address', 'example.org', 60, 'address'],
    ['a range', '198.51.100.0/24', 60, 'address'],
    ['nothing', '', 60, 'address'],
    ['this machine', '127.0.0.1', 60, 'protected'],
    ['this machine, mapped', '::ffff:127.9.9.9', 60, 'protected'],
    ['every address', '0.0.0.0', 60, 'protected'],
    ['every address of IPv6', '::', 60, 'protected'],
    ['an address the node lives by', '192.0.2.1', 60, 'protected'],
    ['the same, mapped', '::ffff:192.0.2.1', 60, 'protected'],
    ['for no time', '198.51.100.1', 0, 'ttl'],
    ['for longer than 30 days', '198.51.100.1', 2_592_001, 'ttl'],
  ];
  for (const [what, address, ttl, why] of refused) {
    it(`is refused ${what}`, () => {
      const { sent, requests } = bench();
      assert.equal(requests.block('m', address, ttl, 'r'), why);
      assert.deepEqual(sent, []);
    });
  }

  it('hands on the address in one spelling, and the reason in one line', () => {
    const { sent, requests } = bench();
    requests.block('m', '2001:DB8:0::1', 60, 'a\r\nb\x1b[0m');
    assert.deepEqual(sent, ['m 2001:db8::1 60 a  b [0m']);
  });

  it('may do so a hundred times a minute, each address once a second', () => {
    const { clock, sent, requests } = bench();
    const block = (i: number, module = 'm') => requests.block(module, `198.51.100.${i}`, 60, '');
    for (let i = 0; i < 5; i++) assert.equal(block(1), null);
    assert.equal(sent.length, 1);
    for (let i = 2; i <= blocksAMinuteMax; i++) assert.equal(block(i), null);
    assert.equal(block(101), 'budget');
    assert.equal(block(101, 'other'), null);
    clock.ms = 60_000;
    assert.equal(block(102), null);
  });

  it('blocks its client by the call, unless the route only looks on', () => {
    const orders: unknown[] = [];
    const services = {
      block: (...order: unknown[]) => {
        orders.push(order);
        return null;
      },
    };
    const host = new HostCallHarness({}, services);
    assert.equal(host.call('block_address', 0, 0, 60, ...host.put('why')), 0);
    assert.equal(host.call('block_address', ...host.put('2001:db8::9'), -1, ...host.put('')), 0);
    host.transaction = testTransaction({ isMonitored: true });
    assert.equal(host.call('block_address', 0, 0, 60, 0, 0), 0);
    assert.deepEqual(orders, [
      ['m', '198.51.100.7', 60, 'why'],
      ['m', '2001:db8::9', 4_294_967_295, ''],
    ]);
    host.transaction = null;
    assert.throws(
      () => host.call('block_address', 0, 0, 60, 0, 0),
      failure('abi', /there is none/),
    );
  });
});

describe('lookup', () => {
  const database = {
    lookup: (address: string, path: string) => (path === 'no' ? null : `${address} ${path} é`),
  };
  const host = () =>
    new HostCallHarness(
      { databases: { geo: '/geo.mmdb' } },
      { database: (file) => (file === '/geo.mmdb' ? database : null) },
    );

  it('asks the database of that name for the address, or for the client', () => {
    const probe = host();
    const ask = (address: string, path: string) =>
      probe.read('lookup', [...probe.put('geo'), ...probe.put(address), ...probe.put(path)]);
    assert.equal(ask('192.0.2.3', 'a.b'), '192.0.2.3 a.b é');
    assert.equal(ask('', 'a.b'), '198.51.100.7 a.b é');
    assert.equal(ask('192.0.2.3', 'no'), null);
    assert.equal(ask('1'.repeat(65), 'a'), null);
    assert.equal(ask('192.0.2.3', 'a'.repeat(257)), null);
  });

  it('fails for a database that the configuration does not have', () => {
    for (const name of ['asn', '', 'toString', '__proto__', 'x'.repeat(1_000)]) {
      const probe = host();
      assert.throws(
        () => probe.read('lookup', [...probe.put(name), 0, 0, 0, 0]),
        failure('abi', /there is no database .*: the configuration of m has geo/),
      );
    }
  });
});

describe('hostile ranges of the other calls', () => {
  const far = pageBytes - 2;
  const calls: readonly (readonly [string, readonly (number | bigint)[]])[] = [
    ['metric_define', [0, far, 8]],
    ['regex_compile', [far, 8]],
    ['block_address', [far, 8, 60, 0, 0]],
    ['block_address', [0, 0, 60, 0, -1]],
    ['fetch', [far, 8, 0, 1, 0]],
    ['fetch', [0, 1, far, 8, 0]],
    ['verify_signature', [far, 8, 0, 1, 0, 1, 0, 1]],
    ['verify_signature', [0, 1, far, 8, 0, 1, 0, 1]],
    ['verify_signature', [0, 1, 0, 1, far, 8, 0, 1]],
    ['verify_signature', [0, 1, 0, 1, 0, 1, far, 8]],
    ['digest', [1, far, 8, 0]],
    ['digest', [1, 0, 1, -32]],
    ['lookup', [far, 8, 0, 1, 0, 1, 0, 8]],
    ['lookup', [0, 3, 0, 1, 0, 1, far, 8]],
    ['lookup', [0, 3, 0, 1, 0, 1, 0, -1]],
  ];
  for (const [name, parameters] of calls) {
    it(`${name}(${parameters.join(', ')}) is the guest's failure`, () => {
      const host = new HostCallHarness({ databases: { geo: '/g' } });
      host.isConfiguring = true;
      Buffer.from(host.memory.buffer).write('geo');
      assert.throws(() => host.call(name, ...parameters), failure('abi', /outside the memory/));
    });
  }
});
