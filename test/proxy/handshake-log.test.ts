/** Who has shown of late that an address is its own: within bounds, and no longer than it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitKey } from '../../src/proxy/listener/address-rate.ts';
import {
  addressesMax,
  HandshakeLog,
  halfMs,
  sumHandshakes,
} from '../../src/proxy/listener/handshake-log.ts';

test('connections and what was said on them count for half a minute at least, a minute at most', () => {
  const log = new HandshakeLog();
  log.opened('192.0.2.7', 0);
  log.opened('192.0.2.7', halfMs - 1);
  log.spoke('192.0.2.7', halfMs + 1);
  assert.deepEqual(log.of('192.0.2.7', halfMs + 2), { opened: 2, refused: 0, spoke: 1 });
  assert.deepEqual(log.of('192.0.2.7', 2 * halfMs + 1), { opened: 0, refused: 0, spoke: 1 });
  assert.deepEqual(log.of('192.0.2.7', 4 * halfMs), { opened: 0, refused: 0, spoke: 0 });
});

test('after a long silence nothing old is left', () => {
  const log = new HandshakeLog();
  log.opened('192.0.2.7', 0);
  assert.deepEqual(log.of('192.0.2.7', 10 * halfMs), { opened: 0, refused: 0, spoke: 0 });
});

test('an IPv6 address is its /64', () => {
  const log = new HandshakeLog();
  log.opened('2001:db8:0:1::5', 0);
  log.opened('2001:db8:0:1::6', 0);
  assert.equal(log.of(limitKey('2001:db8:0:1::7'), 1).opened, 2);
  assert.equal(log.of(limitKey('2001:db8:0:2::5'), 1).opened, 0);
});

test('there is room for so many addresses, then the older half goes', () => {
  const log = new HandshakeLog();
  for (let n = 0; n < addressesMax + 10; n++)
    log.opened(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, 0);
  assert.equal(log.of('10.0.0.0', 0).opened, 0);
  assert.equal(log.of(`10.1.0.9`, 0).opened, 1);
});

test('workers add up, in the order of the question', () => {
  const one = [
    { opened: 1, refused: 0, spoke: 0 },
    { opened: 2, refused: 0, spoke: 1 },
  ];
  assert.deepEqual(sumHandshakes(2, [one, one]), [
    { opened: 2, refused: 0, spoke: 0 },
    { opened: 4, refused: 0, spoke: 2 },
  ]);
  assert.deepEqual(sumHandshakes(1, []), [{ opened: 0, refused: 0, spoke: 0 }]);
});
