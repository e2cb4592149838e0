/** An ACME server that answers what it should not: a reason and no certificate, and the next attempt works. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answerBytesMax } from '#acme/acme-transport.ts';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { AcmeBench, isGood, names } from '../support/acme-bench.ts';

const other = await makeDevelopmentCertificate(names);

describe('a certificate', () => {
  const hostile: readonly [
    what: string,
    path: string,
    answer: { status: number; body: string; headers?: Record<string, string> },
    says: RegExp,
  ][] = [
    ['no JSON', '/directory', { status: 200, body: '<html>' }, /in a form that is not RFC 8555/],
    ['an empty list', '/directory', { status: 200, body: '[]' }, /in a form that is not RFC 8555/],
    [
      'an address without TLS',
      '/directory',
      {
        status: 200,
        body: '{"newNonce":"http://x/","newAccount":"http://x/","newOrder":"http://x/"}',
      },
      /names "http:\/\/x\/" for a nonce, which is no https address/,
    ],
    [
      'a redirect',
      '/directory',
      { status: 302, body: '', headers: { location: 'https://127.0.0.1:1/' } },
      /refused its directory with status 302/,
    ],
    [
      'more than fits',
      '/directory',
      { status: 200, body: JSON.stringify({ text: 'x'.repeat(answerBytesMax) }) },
      /cannot be asked for its directory.*(?:size|exceed|large)/i,
    ],
    ['no nonce', '/new-nonce', { status: 200, body: '' }, /refused a nonce/],
    [
      'an account without an address',
      '/new-account',
      { status: 201, body: '{}' },
      /did not say where it is/,
    ],
    [
      'a text that paints',
      '/new-order',
      { status: 403, body: '{"detail":"\\u001b[2Jgone","type":"x"}' },
      /\[2Jgone \(x\)/,
    ],
    [
      'a token that leaves its folder',
      '/authorization',
      {
        status: 200,
        body: JSON.stringify({
          status: 'pending',
          identifier: { type: 'dns', value: 'example.org' },
          challenges: [
            { type: 'http-01', url: 'https://x/', status: 'pending', token: '../../../../../etc' },
          ],
        }),
      },
      /in a form that is not RFC 8555/,
    ],
    [
      'a chain of nothing',
      '/certificate',
      { status: 200, body: 'none' },
      /certificate chain holds 0 certificates/,
    ],
    [
      'a certificate for another key',
      '/certificate',
      { status: 200, body: other.certificate },
      /certificate chain is for another key/,
    ],
    [
      'a certificate that does not parse',
      '/certificate',
      { status: 200, body: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
      /certificate chain does not parse/,
    ],
  ];
  for (const [what, path, answer, says] of hostile) {
    it(`is not taken from a server that answers ${what}`, async () => {
      await using bench = await AcmeBench.start();
      bench.server.faults.answers.set(path, answer);
      const manager = await bench.manager();
      const status = await manager.renew('example.org');
      assert.match(status.lastError ?? '', says);
      assert.ok(!/[\p{Cc}]/u.test(status.lastError ?? ''));
      assert.equal(manager.live(names).record, null);
      bench.server.faults.answers.clear();
      isGood(await manager.renew('example.org'));
    });
  }
});
