/** The guest SDK's functions, each against the simplest thing that can be right. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { instantiate } from '@assemblyscript/loader';
import fc from 'fast-check';
import { buildTestGuest } from '../support/guests.ts';

type Probe = Record<
  | 'prepare'
  | 'containsAny'
  | 'containsByteOrHigh'
  | 'decodeStart'
  | 'decodeNext'
  | 'layerAt'
  | 'layerLength'
  | 'findToken'
  | 'foundToken'
  | 'foundEnd'
  | 'findByte'
  | 'findTwice'
  | 'isHost'
  | 'isUserAgent'
  | 'nameIndex'
  | 'beginsWithSec'
  | 'arenaTake'
  | 'arenaReset'
  | 'arenaMark'
  | 'arenaRelease',
  (...numbers: number[]) => number
>;

const bytesMax = 4096;
let probe: Probe;
let memory: WebAssembly.Memory;
let at: number;

before(async () => {
  const { exports } = await instantiate(await buildTestGuest('sdk-probe'));
  probe = exports as unknown as Probe;
  memory = (exports as unknown as { memory: WebAssembly.Memory }).memory;
  at = probe.prepare(bytesMax);
});

/** Puts the text where the guest reads it, between bytes that would raise every scan's "yes". */
function put(text: string): number {
  const bytes = Buffer.from(memory.buffer);
  bytes.fill('..%\\/etc/passwd', at, at + bytesMax, 'latin1');
  bytes.write(text, at + 64, 'latin1');
  return text.length;
}

const place = (): number => at + 64;
const anyBytes = (alphabet: string) =>
  fc.array(fc.constantFrom(...alphabet), { maxLength: 80 }).map((letters) => letters.join(''));

describe('containsAny', () => {
  const holds = (text: string): boolean =>
    probe.containsAny(place(), put(text), 0x25, 0x5c, 0x2e) !== 0;
  it('agrees with a search of the text, at every length and place', () => {
    for (let length = 0; length < 70; length++) {
      for (const needle of ['%', '\\', '..', '\0', '\u0080', '\u00ff', '\x01', '.', 'x', '. .']) {
        for (let from = 0; from + needle.length <= length; from++) {
          const text = 'a'.repeat(from) + needle + 'b'.repeat(length - from - needle.length);
          assert.equal(
            holds(text),
            ['%', '\\', '..', '\0', '\u0080', '\u00ff'].includes(needle),
            `${needle} at ${from} of ${length}`,
          );
        }
      }
    }
  });
});

describe('containsByteOrHigh', () => {
  it('agrees with a search of the text', () => {
    fc.assert(
      fc.property(anyBytes('aaaaaaaaaaaa.%\u00e9'), (text) => {
        assert.equal(
          probe.containsByteOrHigh(place(), put(text), 0x25) !== 0,
          /[%\u0080-\u00ff]/.test(text),
        );
      }),
    );
  });
});

describe('findByte and findTwice', () => {
  it('agree with a search of the text, at every length and place', () => {
    for (let length = 0; length < 50; length++) {
      for (const needle of ['x', '.', '..', '...', '. .']) {
        for (let from = 0; from + needle.length <= length; from++) {
          const text = 'a'.repeat(from) + needle + 'b'.repeat(length - from - needle.length);
          const end = place() + put(text);
          const expected = (wanted: string): number =>
            text.includes(wanted) ? place() + text.indexOf(wanted) : end;
          assert.equal(probe.findByte(place(), end, 0x2e), expected('.'), text);
          assert.equal(probe.findTwice(place(), end, 0x2e), expected('..'), text);
        }
      }
    }
  });
});

describe('the name set', () => {
  const nameList = [
    ...['x', 'te', 'dnt', 'via', 'host', 'accept', 'referer', 'if-match', 'cache-control'],
    ...['accept-encoding', 'accept-language', 'x-forwarded-host', 'if-modified-since'],
    ...['transfer-encoding', 'proxy-authorization', 'a-field-name-of-thirty-two-bytes'],
  ];
  const indexOf = (text: string): number => probe.nameIndex(place(), put(text));

  it('finds each name in either case', () => {
    for (const [index, name] of nameList.entries()) {
      assert.equal(indexOf(name), index);
      assert.equal(indexOf(name.toUpperCase()), index);
    }
  });

  it('finds none that differs in one byte, or has one more or less', () => {
    for (const name of nameList) {
      for (let i = 0; i < name.length; i++) {
        for (const other of ['!', '~', '0', 'q', 'Q', '_', '^']) {
          assert.equal(indexOf(name.slice(0, i) + other + name.slice(i + 1)), -1, name);
        }
      }
      assert.equal(indexOf(`${name}s`), -1);
      assert.equal(indexOf(name.slice(1)), -1);
    }
    assert.equal(indexOf(''), -1);
    assert.equal(indexOf('a'.repeat(500)), -1);
  });
});

describe('comparison without case', () => {
  it('holds for every byte of a name of several words, and no other byte', () => {
    for (let i = 0; i < 'user-agent'.length; i++) {
      for (let code = 0; code < 256; code++) {
        const text =
          `user-agent`.slice(0, i) + String.fromCharCode(code) + 'user-agent'.slice(i + 1);
        const expected = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) === 'user-agent';
        assert.equal(probe.isUserAgent(place(), put(text)) !== 0, expected, `${code} at ${i}`);
      }
    }
  });

  const cases: readonly (readonly [string, boolean, boolean])[] = [
    ['host', true, false],
    ['HoSt', true, false],
    ['hosts', false, false],
    ['hos', false, false],
    ['hos\u0054', true, false],
    ['h/st', false, false],
    ['', false, false],
    ['Sec-Fetch', false, true],
    ['SEC-', false, true],
    ['sec', false, false],
  ];
  for (const [text, isHost, isSec] of cases) {
    it(`takes ${JSON.stringify(text)} for what it is`, () => {
      const length = put(text);
      assert.equal(probe.isHost(place(), length) !== 0, isHost);
      assert.equal(probe.beginsWithSec(place(), length) !== 0, isSec);
    });
  }
});

describe('the token set', () => {
  const tokens = ['.git/config', 'abcd', 'abce', 'abcz-long', 'etc/passwd', 'zmap', 'zmeu'];
  const slashes = '(?:[/\\\\](?:\\.(?=[/\\\\]))?)+';
  const patterns = tokens.map(
    (token) => new RegExp(token.replaceAll('.', '\\.').replaceAll('/', slashes), 'i'),
  );
  const naive = (text: string): number => {
    const found = patterns.map((pattern) => text.search(pattern)).filter((index) => index >= 0);
    return found.length === 0 ? -1 : Math.min(...found);
  };

  it('finds the same first token as one regular expression each', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...tokens,
        'ETC\\passwd',
        'etc/./passwd',
        'etc//\\passwd',
        'abc',
        'etc',
        'zm',
        '.git',
        'Abce',
        '/./',
        '/',
      ),
      anyBytes('abcez./\\'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const text = pieces.join('').slice(0, 500);
        assert.equal(probe.findToken(place(), put(text)), naive(text), JSON.stringify(text));
      }),
      { numRuns: 3000 },
    );
  });

  it('finds each token at every place of a longer text', () => {
    for (const [index, token] of tokens.entries()) {
      for (let from = 0; from < 40; from++) {
        const text = '-'.repeat(from) + token.toUpperCase() + '-'.repeat(40 - from);
        assert.equal(probe.findToken(place(), put(text)), from);
        assert.equal(probe.foundToken(), index);
        assert.equal(probe.foundEnd(place()), from + token.length);
      }
    }
  });

  it('finds a token in the last bytes of the memory, and none that reaches over the end', () => {
    const size = memory.buffer.byteLength;
    const last = new Uint8Array(memory.buffer, size - 64);
    const kept = last.slice();
    for (let length = 4; length <= 40; length++) {
      for (let from = 0; from + 4 <= length; from++) {
        last.fill(0x2d);
        last.set(Buffer.from('zmap'), 64 - length + from);
        assert.equal(probe.findToken(size - length, length), from);
        assert.equal(probe.findToken(size - length, from + 3), -1);
      }
    }
    last.set(kept);
  });
});

describe('decoding', () => {
  const layers = (text: string): readonly string[] => {
    probe.decodeStart(place(), put(text));
    const seen: string[] = [];
    while (probe.decodeNext() !== 0) {
      seen.push(
        Buffer.from(memory.buffer, probe.layerAt(), probe.layerLength()).toString('latin1'),
      );
    }
    return seen;
  };
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['plain', []],
    ['100%', []],
    ['%zz%4', []],
    ['%41%2e', ['A.']],
    ['%252e', ['%2e', '.']],
    ['%%32%65', ['%2e', '.']],
    ['%25252525252e', ['%252525252e', '%2525252e', '%25252e', '%252e', '%2e']],
    ['%u002e%U002F', ['./']],
    ['%uff0e%u2215%u2216', ['./\\']],
    ['%u4e2d', []],
    ['%c0%ae%c0%af%c1%9c', ['./\\']],
    ['%c0%2f%c1%1c%c0%5c', ['/\\\\']],
    ['%e0%80%af%f0%80%80%ae%f8%80%80%80%af%fc%80%80%80%80%ae', ['/./.']],
    ['\u00c0\u00ae', ['.']],
    ['\u00ef\u00bc\u008e', ['.']],
    ['%ef%bc%8f', ['/']],
    ['caf\u00c3\u00a9', []],
    ['caf%c3%a9', ['caf\u00c3\u00a9']],
    ['%00', ['\u0000']],
    ['%c0', ['\u00c0']],
    ['%e0%80', ['\u00e0\u0080']],
  ];
  for (const [text, expected] of cases) {
    it(`of ${JSON.stringify(text)} shows ${JSON.stringify(expected)}`, () =>
      assert.deepEqual(layers(text), expected));
  }

  it('agrees with decodeURIComponent on what encodeURIComponent made, and never grows', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'abc /?&=<>"#{}'), maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (text, depth) => {
          let encoded = text;
          for (let i = 0; i < depth; i++) encoded = encodeURIComponent(encoded);
          const expected: string[] = [];
          for (let last = encoded; expected.length < 5 && last !== decodeURIComponent(last); ) {
            last = decodeURIComponent(last);
            expected.push(last);
          }
          assert.deepEqual(layers(encoded), expected);
        },
      ),
    );
    fc.assert(
      fc.property(anyBytes('%0c2eEfu\u00c0\u00e0\u00f0\u0080\u00bc'), (text) => {
        let length = text.length;
        for (const layer of layers(text)) {
          assert(layer.length <= length);
          length = layer.length;
        }
      }),
    );
  });
});

describe('the arena', () => {
  it('hands out aligned memory, takes it back, and traps at its bound', () => {
    probe.arenaReset();
    const first = probe.arenaTake(100);
    assert.equal(first % 16, 0);
    const mark = probe.arenaMark();
    assert.equal(mark, first + 112);
    const second = probe.arenaTake(bytesMax);
    assert.throws(() => probe.arenaTake(bytesMax), /arena exhausted|unreachable/);
    probe.arenaRelease(mark);
    assert.equal(probe.arenaTake(1), second);
  });
});
