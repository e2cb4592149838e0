/** One line, one JSON object, ASCII only, whatever bytes a client sends. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AccessRecord, accessLine } from '#proxy/access-line.ts';

const plain: AccessRecord = {
  id: 'i-1',
  client: '192.0.2.1',
  peer: '192.0.2.1',
  protocol: 'HTTP/1.1',
  method: 'GET',
  host: 'a.test',
  path: '/',
  query: null,
  status: 200,
  outcome: 'forwarded',
  reason: '',
  route: '* /',
  upstream: 'http://127.0.0.1:1',
  bytesIn: 0,
  bytesOut: 2,
  durationMs: 1.5,
  wafMs: 0,
  verdict: null,
  userAgent: 'x',
  ja4: '',
  certificate: null,
};

const read = (record: Partial<AccessRecord>): Record<string, unknown> =>
  JSON.parse(accessLine({ ...plain, ...record })) as Record<string, unknown>;

describe('an access line', () => {
  it('carries every byte through JSON and back', () => {
    const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
    const hostile = {
      method: all,
      host: all,
      path: all,
      query: all,
      reason: all,
      route: all,
      upstream: all,
      userAgent: all,
      id: all,
    };
    const verdict = { rule: all, target: all, reason: all, enforced: true };
    const line = accessLine({ ...plain, ...hostile, verdict });
    assert.match(line, /^[\x20-\x7e]+\n$/, 'one line of printable ASCII');
    const parsed = JSON.parse(line) as Record<string, unknown>;
    for (const [key, value] of Object.entries(hostile)) assert.equal(parsed[key], value, key);
    assert.deepEqual(parsed['verdict'], verdict);
  });

  for (const text of [
    '"',
    '\\',
    '\\"',
    '","admin":true,"x":"',
    '\u2028',
    '\r\n{"forged":1}',
    '\x7f',
    '\x80',
  ]) {
    it(`cannot be broken by ${JSON.stringify(text)}`, () => {
      assert.equal(read({ path: text })['path'], text);
      assert.equal(accessLine({ ...plain, userAgent: text }).split('\n').length, 2);
    });
  }

  it('leaves out what is empty or was not measured', () => {
    const keys = Object.keys(read({ protocol: '', reason: '', route: '', upstream: '' }));
    assert.deepEqual(keys, [
      'time',
      'id',
      'client',
      'method',
      'host',
      'path',
      'status',
      'outcome',
      'bytesIn',
      'bytesOut',
      'durationMs',
      'userAgent',
    ]);
    assert.equal(read({ peer: '10.0.0.1' })['peer'], '10.0.0.1');
    assert.equal(read({ query: '' })['query'], '');
  });

  it('prints times to the microsecond', () => {
    for (const [ms, text] of [
      [0, '0'],
      [0.001, '0.001'],
      [0.0104, '0.010'],
      [0.25, '0.250'],
      [1, '1'],
      [12.3456, '12.346'],
      [60_000, '60000'],
    ] as const) {
      assert.ok(
        accessLine({ ...plain, durationMs: ms }).includes(`"durationMs":${text},`),
        `${ms} → ${text}`,
      );
    }
  });
});
