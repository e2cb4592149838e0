import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AcmeError, cleanText, problemError } from '#acme/acme-error.ts';
import { pollMsMin, pollUntil } from '#acme/polling.ts';
import { certificateIdOf, suggestedAtMs } from '#acme/renewal-information.ts';
import { renewalAtMs, retryMsMax, retryPauseMs } from '#acme/renewal-schedule.ts';
import { retryAfterMs, retryAfterMsMax } from '#acme/retry-after.ts';

const now = Date.parse('2026-01-02T03:04:05Z');

for (const [value, expected] of [
  [null, null],
  ['0', 0],
  ['120', 120_000],
  [' 7 ', 7_000],
  ['Fri, 02 Jan 2026 03:05:05 GMT', 60_000],
  ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
  ['999999999999', retryAfterMsMax],
  ['Fri, 02 Jan 2099 03:00:00 GMT', retryAfterMsMax],
  ['-1', null],
  ['1.5', null],
  ['soon', null],
  ['2026-01-02', null],
] as const) {
  test(`Retry-After ${value} is ${expected} ms`, () =>
    assert.equal(retryAfterMs(value, now), expected));
}

test('asking again has an end, and no server can make it a loop without pause', async () => {
  const signal = new AbortController().signal;
  const start = performance.now();
  let asked = 0;
  const read = async () => {
    asked++;
    return { value: 'pending', retryAfterMs: 0 };
  };
  const isDone = (value: string) => value === 'valid';
  await assert.rejects(
    pollUntil('the order', null, read, isDone, { deadlineMs: start + 3 * pollMsMin, signal }),
    (error) => error instanceof AcmeError && error.type === 'notFinished',
  );
  assert.ok(asked >= 2 && asked <= 4, `${asked} times`);
  const later = async () => ({ value: 'pending', retryAfterMs: 60_000 });
  await assert.rejects(
    pollUntil('the order', null, later, isDone, { deadlineMs: start + 1_000, signal }),
    (error) => error instanceof AcmeError && error.retryAfterMs === 60_000,
  );
});

test('a certificate is renewed two thirds into its life, or a little before', () => {
  const day = 86_400_000;
  assert.equal(renewalAtMs(0, 90 * day, 0), 60 * day);
  assert.equal(renewalAtMs(0, 90 * day, 1), 57 * day);
  assert.equal(renewalAtMs(10 * day, 100 * day, 0), 70 * day);
});

test('pauses after failures grow to a bound, and never undercut the server', () => {
  assert.equal(retryPauseMs(1, null, 0), 60_000);
  assert.equal(retryPauseMs(2, null, 0), 240_000);
  assert.equal(retryPauseMs(100, null, 0), retryMsMax);
  assert.equal(retryPauseMs(1, 7_200_000, 0), 7_200_000);
  assert.equal(retryPauseMs(1, null, 1), 66_000);
});

test('a certificate is named as in RFC 9773 section 4.1', () => {
  const issuer = '69885b6b87464041e1b37b847ba0ae2cde01c8d4';
  assert.equal(certificateIdOf(issuer, '87654321'), 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
});

test('a moment in the suggested window', () => {
  const at = (start: string, end: string, chance: number) =>
    suggestedAtMs({ suggestedWindow: { start, end } }, chance);
  assert.equal(at('2026-01-02T03:04:05Z', '2026-01-02T03:04:07Z', 0.5), now + 1_000);
  assert.equal(at('2026-01-02T03:04:07Z', '2026-01-02T03:04:05Z', 0.5), null);
  assert.equal(at('then', '2026-01-02T03:04:05Z', 0.5), null);
});

test('problem documents become sentences, with a line for each name', () => {
  const error = problemError(
    'an order',
    403,
    {
      type: 'urn:ietf:params:acme:error:compound',
      detail: 'some names\u001b[31m are refused',
      subproblems: [
        {
          type: 'urn:ietf:params:acme:error:rejectedIdentifier',
          detail: 'not here',
          identifier: { type: 'dns', value: 'example.net' },
        },
      ],
    },
    5_000,
  );
  assert.equal(
    error.message,
    'the ACME server refused an order: some names [31m are refused (compound)',
  );
  assert.deepEqual(error.details, ['example.net: not here (rejectedIdentifier)']);
  assert.deepEqual([error.type, error.retryAfterMs, error.httpStatus], ['compound', 5_000, 403]);
});

test('an answer that is no problem document is an error all the same', () => {
  for (const document of [undefined, null, 'no', [], { type: 5 }])
    assert.match(problemError('an order', 502, document, null).message, /status 502/);
});

test('texts of the server are cut', () => {
  assert.equal(cleanText('x'.repeat(1_000)).length, 301);
});
