/** Who a login is for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { loginUser } from '#behaviour/login-user.ts';

const parts = (...all: readonly (readonly [head: string, value: string])[]): string =>
  `${all.map(([head, value]) => `--b0\r\nContent-Disposition: form-data; ${head}\r\n\r\n${value}\r\n`).join('')}--b0--\r\n`;

const cases: readonly (readonly [body: string, user: string | null])[] = [
  ['user=anna&password=x', 'anna'],
  ['password=x&user=anna', 'anna'],
  ['user=Anna%40example.org', 'anna@example.org'],
  ['%75ser=anna', 'anna'],
  ['user=anna+b', 'anna b'],
  ['user=%C3%A4nne', 'änne'],
  ['user=', null],
  ['name=anna', null],
  ['', null],
  ['{"user":"Anna","password":"x"}', 'anna'],
  [' \n{"user": 42}', '42'],
  ['{"user":{"a":1}}', null],
  ['{"user":"anna"', null],
  ['{"__proto__":{"user":"anna"}}', null],
  [`user=${'a'.repeat(300)}`, null],
  [parts(['name="user"', 'Anna'], ['name="password"', 'x']), 'anna'],
  [parts(['name="password"', 'x'], ['name=user', 'änne']), 'änne'],
  [parts(['name="password"', 'user=eve'], ['name="user"', 'anna']), 'anna'],
  [parts(['name="user"; filename="a"', 'eve'], ['name="user"', 'anna']), 'anna'],
  [parts(['name="users"', 'eve']), null],
  [parts(['name="user"', '']), null],
  ['--b0\r\nContent-Disposition: form-data; name="user"\r\n\r\nanna', 'anna'],
  ['--b0\r\nContent-Disposition: form-data; name="user"\r\n', null],
  ['--b0&user=anna', 'anna'],
];

describe('the user of a login', () => {
  for (const [body, user] of cases)
    it(`${body.slice(0, 40)} is for ${user}`, () =>
      assert.equal(loginUser(Buffer.from(body), 'user'), user));

  it('any bytes name somebody or nobody', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        for (const start of [
          'user=',
          '{"user":',
          '--b0\r\nContent-Disposition: form-data; name="user"',
        ]) {
          const user = loginUser(Buffer.concat([Buffer.from(start), bytes]), 'user');
          assert.ok(user === null || (user.length > 0 && user.length <= 254));
        }
      }),
      { numRuns: 300 },
    );
  });
});
