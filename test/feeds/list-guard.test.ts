/** Which entries of a list may block. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCidr } from '#core/ip.ts';
import { type LeftOut, ListGuard } from '#feeds/list-guard.ts';

const cidr = (text: string) => {
  const parsed = parseCidr(text);
  assert.ok(parsed !== null);
  return parsed;
};

const cases: readonly (readonly [text: string, why: LeftOut | null])[] = [
  ['45.83.64.1', null],
  ['45.83.0.0/16', null],
  ['2a0b:f4c0::/32', null],
  ['10.1.2.3', 'private'],
  ['10.0.0.0/8', 'private'],
  ['127.0.0.1', 'private'],
  ['::1', 'private'],
  ['::ffff:10.0.0.1', 'private'],
  ['fd12::/32', 'private'],
  // Public at its first address, and not throughout.
  ['192.160.0.0/12', 'private'],
  ['172.0.0.0/8', 'private'],
  ['0.0.0.0/0', 'wide'],
  ['::/0', 'wide'],
  ['44.0.0.0/7', 'wide'],
  ['2000::/12', 'wide'],
  ['9.9.9.9', 'protected'],
  ['9.9.9.0/24', 'protected'],
  ['8.8.4.4', 'protected'],
  ['8.8.0.0/16', 'protected'],
  ['8.8.4.0/25', 'protected'],
];

describe('the guard of lists', () => {
  const guard = new ListGuard([cidr('9.9.9.9'), cidr('8.8.4.0/24')], false);
  for (const [text, why] of cases)
    it(`${why === null ? 'takes' : `leaves out as ${why}`} ${text}`, () =>
      assert.equal(guard.whyNot(cidr(text)), why));

  it('takes private addresses where that is allowed, and protected ones never', () => {
    const open = new ListGuard([cidr('127.0.0.0/8')], true);
    assert.equal(open.whyNot(cidr('10.1.2.3')), null);
    assert.equal(open.whyNot(cidr('127.0.0.1')), 'protected');
  });
});
