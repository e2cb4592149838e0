/** Every field of the packed view, seen from inside a guest. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { RequestFacts } from '#waf/transaction.ts';
import type { Block } from '#waf/verdict.ts';
import type { LiveModule } from '#wasm/live-module.ts';
import { inspectHead } from '../support/filters.ts';
import { buildTestGuest, liveModule } from '../support/guests.ts';
import { type RequestParts, viewOf } from '../support/view.ts';

const facts: RequestFacts = { clientAddress: '2001:db8::7', tls: true };
let guest: LiveModule;

before(async () => {
  guest = liveModule('conformance', await buildTestGuest('conformance'));
});

function echo(parts: RequestParts, given: RequestFacts = facts): Block {
  const verdict = inspectHead(guest, viewOf(parts), given);
  assert(verdict.kind === 'block', `no part is named by ${parts.target}`);
  return verdict;
}

describe('a guest sees', () => {
  const headers = [
    ['Host', 'a.example:8443'],
    ['X-Empty', ''],
    ['X-Odd', 'caf\u00e9 \u0080\u00ff\ttab'],
  ] as const;
  const cases: readonly (readonly [string, RequestParts, string | null])[] = [
    ['the method', { method: 'PROPFIND', target: '/method' }, 'PROPFIND'],
    ['the target as it came', { target: '/target;v=1?a=%2e&b' }, '/target;v=1?a=%2e&b'],
    ['the path without the query', { target: '/path/x?a=b' }, '/path/x'],
    ['the path of an absolute target', { target: 'http://b.example:80/path/y?z' }, '/path/y'],
    ['the query', { target: '/query?a=1&b=?2' }, 'a=1&b=?2'],
    ['an empty query', { target: '/query?' }, ''],
    ['that there is no query', { target: '/query' }, null],
    ['the host', { target: '/host', headers }, 'a.example:8443'],
    [
      'the authority of an absolute target',
      { target: 'http://b.example/host', headers },
      'b.example',
    ],
    ['that there is no host', { target: '/host', minor: 0 }, null],
    ['the client address', { target: '/client' }, '2001:db8::7'],
    ['a header name as it came', { target: '/name/2', headers }, 'X-Odd'],
    ['a header value byte by byte', { target: '/value/2', headers }, 'caf\u00e9 \u0080\u00ff\ttab'],
    ['an empty header value', { target: '/value/1', headers }, ''],
    [
      'the whole head as it came',
      { target: '/head', headers: [['A', 'b']] },
      'GET /head HTTP/1.1\r\nA: b\r\n\r\n',
    ],
  ];
  for (const [name, parts, expected] of cases) {
    it(name, () => {
      for (const offset of [0, 1, 4097]) {
        const block = echo({ ...parts, before: offset });
        assert.equal(block.reason, expected === null ? 'absent' : 'present');
        assert.equal(block.matched, expected ?? '');
        assert.equal(block.status, 400 + ((expected ?? '').length % 200));
        assert.equal(block.rule, 'conformance/echo');
      }
    });
  }

  it('the flags and the number of headers', () => {
    assert.equal(echo({ target: '/flags' }).status, 401);
    assert.equal(
      echo({ target: '/flags' }, { clientAddress: '192.0.2.1', tls: false }).status,
      400,
    );
    assert.equal(echo({ target: '/flags', minor: 0 }).status, 403);
    assert.equal(echo({ target: '/count' }).status, 400);
    assert.equal(echo({ target: '/count', headers }).status, 403);
    const size = 15 * 4 + 'GET /size HTTP/1.1\r\n\r\n'.length + facts.clientAddress.length;
    assert.equal(echo({ target: '/size' }).status, 400 + (size % 200));
  });

  it('what is known of the connection, wherever the client address ends', () => {
    const ja4 = 't13d1516h2_8daaf6152771_e5627efa2ab1';
    const certificate = { subject: 'CN=a,O=\\C3\\A9', sha256: 'ab'.repeat(32), verified: true };
    for (const clientAddress of ['192.0.2.1', '192.0.2.10', '192.0.2.100', '192.0.12.100']) {
      const given = { clientAddress, tls: true, ja4, certificate };
      assert.equal(echo({ target: '/ja4' }, given).matched, ja4);
      assert.equal(echo({ target: '/subject' }, given).matched, certificate.subject);
      assert.equal(echo({ target: '/sha256' }, given).matched, certificate.sha256);
      assert.equal(echo({ target: '/certificate' }, given).status, 403);
      assert.equal(echo({ target: '/client' }, given).matched, clientAddress);
      const bare = { ...given, certificate: null };
      assert.equal(echo({ target: '/subject' }, bare).reason, 'absent');
      assert.equal(echo({ target: '/certificate' }, bare).status, 400);
      const doubtful = { ...given, certificate: { ...certificate, verified: false } };
      assert.equal(echo({ target: '/certificate' }, doubtful).status, 401);
    }
    assert.equal(echo({ target: '/ja4' }, { clientAddress: '::1', tls: false }).reason, 'absent');
  });

  it('a header name in the target of a verdict in lower case and cut to its bound', () => {
    const long = `X-${'A'.repeat(300)}`;
    assert.equal(
      echo({ target: '/value/0', headers: [['X-Forwarded-Prefix', 'v']] }).target,
      'header:x-forwarded-prefix',
    );
    const { target } = echo({ target: '/value/0', headers: [[long, 'v']] });
    assert.equal(target, `header:${long.toLowerCase()}`.slice(0, 128));
  });

  it('any header of any request', () => {
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,40}$/);
    const value = fc
      .array(fc.integer({ min: 0x21, max: 0xff }), { maxLength: 300 })
      .map((codes) => String.fromCharCode(...codes));
    const header = fc.tuple(name, value);
    fc.assert(
      fc.property(
        fc.array(header, { minLength: 1, maxLength: 100 }),
        fc.nat(),
        fc.nat({ max: 64 }),
        (drawn, pick, offset) => {
          const index = pick % drawn.length;
          const [wantedName, wantedValue] = drawn[index] ?? ['', ''];
          const parts = { headers: drawn, before: offset };
          const seenName = echo({ ...parts, target: `/name/${index}` });
          assert.equal(seenName.matched, wantedName);
          const seenValue = echo({ ...parts, target: `/value/${index}` });
          assert.equal(seenValue.matched, wantedValue.slice(0, 128));
          assert.equal(seenValue.status, 400 + (wantedValue.length % 200));
          assert.equal(seenValue.target, `header:${wantedName.toLowerCase()}`);
        },
      ),
    );
  });
});
