/** The client hello: what is read of it, what is refused, and the fingerprint made of it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type ClientHello,
  helloBytesMax,
  helloRecordsMax,
  parseClientHello,
} from '#proxy/tls/client-hello.ts';
import { ja4 } from '#proxy/tls/ja4.ts';
import { type HelloParts, helloMessage, inRecords } from '../support/client-hello-bytes.ts';

const plain: HelloParts = {
  version: 0x0303,
  ciphers: [0x1301, 0xc02f],
  extensions: [
    [0, '000c0000096c6f63616c686f7374'],
    [16, '000c02683208687474702f312e31'],
    [43, '0403040303'],
    [13, '000404030804'],
  ],
};

const read = (parts: HelloParts): ReturnType<typeof parseClientHello> =>
  parseClientHello(inRecords(helloMessage(parts)));

describe('a client hello', () => {
  it('gives what was asked for', () => {
    assert.deepEqual(read(plain), {
      legacyVersion: 0x0303,
      ciphers: [0x1301, 0xc02f],
      extensions: [0, 16, 43, 13],
      versions: [0x0304, 0x0303],
      signatureAlgorithms: [0x0403, 0x0804],
      serverName: 'localhost',
      hasServerName: true,
      protocols: ['h2', 'http/1.1'],
    } satisfies ClientHello);
  });

  it('may end before its extensions, as before TLS 1.2', () => {
    const hello = read({ ...plain, extensions: null });
    assert.ok(typeof hello === 'object');
    assert.deepEqual(hello.extensions, []);
  });

  it('is the same in any number of records, in any pieces, with bytes behind it', () => {
    const message = helloMessage(plain);
    const whole = parseClientHello(inRecords(message));
    for (const size of [message.length, 40, 3]) {
      const bytes = inRecords(message, size);
      assert.deepEqual(parseClientHello(Buffer.concat([bytes, Buffer.from('more')])), whole);
      for (let length = 0; length < bytes.length; length++)
        assert.equal(
          parseClientHello(bytes.subarray(0, length)),
          'incomplete',
          `${size} ${length}`,
        );
    }
  });

  const broken: readonly [why: string, bytes: Buffer][] = [
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['an alert', Buffer.from('15030100020228', 'hex')],
    ['no TLS version', Buffer.from('16050100', 'hex')],
    ['a server hello', inRecords(Buffer.from([2, 0, 0, 0]))],
    ['an empty record', Buffer.from('1603010000', 'hex')],
    ['a record larger than one may be', Buffer.from('1603014001', 'hex')],
    ['a message one larger than is read', inRecords(Buffer.from([1, 0, 0x3f, 0xfd]))],
    [
      'more records than are read',
      inRecords(helloMessage(plain), 1).subarray(0, 6 * (helloRecordsMax + 1)),
    ],
    [
      'an extension twice',
      inRecords(
        helloMessage({
          ...plain,
          extensions: [
            [5, ''],
            [5, ''],
          ],
        }),
      ),
    ],
    ['an odd number of cipher bytes', inRecords(helloMessage({ ...plain, cipherBytes: 'c02fff' }))],
    ['no ciphers', inRecords(helloMessage({ ...plain, cipherBytes: '' }))],
    [
      'a server name of another type',
      inRecords(helloMessage({ ...plain, extensions: [[0, '00060100036c6f63']] })),
    ],
    [
      'an empty server name',
      inRecords(helloMessage({ ...plain, extensions: [[0, '0003000000']] })),
    ],
    [
      'two server names',
      inRecords(helloMessage({ ...plain, extensions: [[0, '00080000016100000162']] })),
    ],
    [
      'bytes behind the server name',
      inRecords(helloMessage({ ...plain, extensions: [[0, '0004000001612e']] })),
    ],
    ['an empty protocol name', inRecords(helloMessage({ ...plain, extensions: [[16, '000100']] }))],
    [
      'an extension longer than the rest',
      inRecords(helloMessage({ ...plain, extensionBytes: '000500ff00' })),
    ],
    ['bytes behind the extensions', inRecords(helloMessage({ ...plain, behind: '00' }))],
  ];
  for (const [why, bytes] of broken) {
    it(`with ${why} is refused`, () => {
      assert.equal(parseClientHello(bytes), 'invalid');
    });
  }

  it('of the largest size is read, in one piece and in two', () => {
    const padding = helloBytesMax - helloMessage({ ...plain, extensions: [[21, '']] }).length;
    const message = helloMessage({ ...plain, extensions: [[21, '00'.repeat(padding)]] });
    assert.equal(message.length, helloBytesMax);
    for (const size of [helloBytesMax, 16_000]) {
      assert.equal(typeof parseClientHello(inRecords(message, size)), 'object');
    }
  });

  it('of any bytes crashes nothing, and a changed one is read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        parseClientHello(Buffer.from(bytes));
        parseClientHello(inRecords(Buffer.concat([Buffer.from([1, 0, 0, bytes.length]), bytes])));
      }),
      { numRuns: 5_000 },
    );
    const good = inRecords(helloMessage(plain));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const changed = Buffer.from(good);
        changed[at] = value;
        const result = parseClientHello(changed);
        if (typeof result === 'object')
          assert.match(ja4(result), /^t.{2}[di]\d{4}.{2}_[0-9a-f]{12}_[0-9a-f]{12}$/);
      }),
      { numRuns: 5_000 },
    );
  });
});

const numbers = (text: string): number[] =>
  text.split(',').map((part) => Number.parseInt(part, 16));

/** What follows the version and the name's letter, word for word as described. */
function plainly({ ciphers, extensions, signatureAlgorithms }: ClientHello): string {
  const grease = Array.from({ length: 16 }, (_, at) => at * 0x1010 + 0x0a0a);
  const kept = (values: readonly number[]) => values.filter((value) => !grease.includes(value));
  const hex = (values: readonly number[]) =>
    values.map((value) => value.toString(16).padStart(4, '0'));
  const part = (text: string) =>
    text === '' ? '000000000000' : createHash('sha256').update(text).digest('hex').slice(0, 12);
  const size = (values: readonly number[]) => String(kept(values).length).padStart(2, '0');
  const named = kept(extensions).filter((type) => type !== 0 && type !== 16);
  const algorithms = hex(kept(signatureAlgorithms)).join(',');
  const last = hex(named).toSorted().join(',') + (algorithms === '' ? '' : `_${algorithms}`);
  const third = kept(extensions).length === 0 ? '000000000000' : part(last);
  return `${size(ciphers)}${size(extensions)}h2_${part(hex(kept(ciphers)).toSorted().join(','))}_${third}`;
}

describe('JA4', () => {
  /** The example in FoxIO's description: Chrome, with GREASE in every list. */
  const chrome: ClientHello = {
    legacyVersion: 0x0303,
    ciphers: numbers(
      '1a1a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035',
    ),
    extensions: numbers(
      '2a2a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015',
    ),
    versions: numbers('3a3a,0304,0303'),
    signatureAlgorithms: numbers('0403,0804,0401,0503,0805,0501,0806,0601'),
    serverName: 'example.com',
    hasServerName: true,
    protocols: ['h2', 'http/1.1'],
  };

  it('is the text in its description', () => {
    assert.equal(ja4(chrome), 't13d1516h2_8daaf6152771_e5627efa2ab1');
  });

  it('does not change with the order of suites and extensions, or with GREASE', () => {
    const shuffled = {
      ...chrome,
      ciphers: chrome.ciphers.toReversed(),
      extensions: chrome.extensions.toReversed(),
    };
    assert.equal(ja4(shuffled), ja4(chrome));
    assert.equal(ja4({ ...chrome, ciphers: chrome.ciphers.slice(1) }), ja4(chrome));
  });

  it('is what the description says of any hello, remembered or not', () => {
    const values = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(0x0a0a, 0xfafa, 0xff01)),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(values, values, values, (ciphers, extensions, signatureAlgorithms) => {
        const hello = { ...chrome, ciphers, extensions, signatureAlgorithms };
        assert.equal(ja4(hello), `t13d${plainly(hello)}`);
        assert.equal(ja4(hello), `t13d${plainly(hello)}`);
      }),
      { numRuns: 2_000 },
    );
  });

  it('changes with the order of signature algorithms', () => {
    assert.notEqual(
      ja4({ ...chrome, signatureAlgorithms: chrome.signatureAlgorithms.toReversed() }),
      ja4(chrome),
    );
  });

  const rows: readonly [why: string, change: Partial<ClientHello>, start: string][] = [
    [
      'no name asked for',
      { hasServerName: false, extensions: chrome.extensions.filter((type) => type !== 0) },
      't13i1515h2_',
    ],
    ['TLS 1.2 without supported_versions', { versions: [] }, 't12d1516h2_'],
    ['no ALPN', { protocols: [] }, 't13d151600_'],
    ['http/1.1', { protocols: ['http/1.1'] }, 't13d1516h1_'],
    ['one letter', { protocols: ['h'] }, 't13d1516hh_'],
    ['a name of odd bytes by its hexadecimal ends', { protocols: ['\xab'] }, 't13d1516ab_'],
    ['a name that ends oddly', { protocols: ['0\xab'] }, 't13d15163b_'],
    ['an unknown version', { versions: [0x0305] }, 't00d1516h2_'],
    [
      'more suites than two digits hold',
      { ciphers: Array.from({ length: 120 }, (_, at) => at) },
      't13d9916h2_',
    ],
    ['no suites but GREASE', { ciphers: [0x0a0a] }, 't13d0016h2_000000000000_'],
  ];
  for (const [why, change, start] of rows) {
    it(`${why}: ${start}`, () => {
      assert.ok(ja4({ ...chrome, ...change }).startsWith(start), ja4({ ...chrome, ...change }));
    });
  }

  it('without extensions ends in zeros', () => {
    assert.match(ja4({ ...chrome, extensions: [], signatureAlgorithms: [] }), /_000000000000$/);
  });
});
