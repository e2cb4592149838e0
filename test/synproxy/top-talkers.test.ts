import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIp } from '../../src/core/ip.ts';
import type { PacketEvent } from '../../src/synproxy/event-record.ts';
import { eventsPerSecondMax, nextMask } from '../../src/synproxy/packet-sampler.ts';
import { TopTalkers, talkersMax } from '../../src/synproxy/top-talkers.ts';

function event(source: string, changes: Partial<PacketEvent> = {}): PacketEvent {
  const ip = parseIp(source);
  assert.ok(ip !== null);
  return {
    timeMs: 0,
    weight: 1,
    length: 100,
    interfaceIndex: 2,
    verdict: 'pass',
    family: ip.family,
    protocol: 17,
    tcpFlags: 0,
    sourcePort: 1,
    destinationPort: 2,
    rule: null,
    source: ip.words,
    destination: new Uint32Array(4),
    ...changes,
  };
}

test('sources are told apart, IPv6 by /64, and each in its order', () => {
  const talkers = new TopTalkers();
  for (let n = 0; n < 30; n++) talkers.observe(event('192.0.2.1'));
  for (let n = 0; n < 10; n++) talkers.observe(event(`2001:db8::${n}`, { length: 1_000 }));
  for (let n = 0; n < 5; n++)
    talkers.observe(event('192.0.2.2', { protocol: 6, tcpFlags: 2, verdict: 'drop_exact' }));
  talkers.tick(1);
  assert.deepEqual(talkers.top('packets', 9), [
    { source: '192.0.2.1', packets: 30, bytes: 3_000, syns: 0, dropped: 0 },
    { source: '2001:db8::/64', packets: 10, bytes: 10_000, syns: 0, dropped: 0 },
    { source: '192.0.2.2', packets: 5, bytes: 500, syns: 5, dropped: 5 },
  ]);
  assert.equal(talkers.top('bytes', 1)[0]?.source, '2001:db8::/64');
  assert.deepEqual(
    talkers.top('syns', 9).map(({ source }) => source),
    ['192.0.2.2'],
  );
  assert.deepEqual(talkers.total, { packets: 45, bytes: 13_500, syns: 5, dropped: 5 });
});

test('an event counts as the packets it stands for, by the second', () => {
  const talkers = new TopTalkers();
  talkers.observe(event('192.0.2.1', { weight: 64 }));
  talkers.tick(2);
  assert.equal(talkers.top('packets', 1)[0]?.packets, 32);
});

test('who falls silent fades, and is forgotten', () => {
  const talkers = new TopTalkers();
  for (let n = 0; n < 100; n++) talkers.observe(event('192.0.2.1'));
  talkers.tick(1);
  talkers.tick(1);
  assert.equal(talkers.top('packets', 1)[0]?.packets, 50);
  for (let n = 0; n < 12; n++) talkers.tick(1);
  assert.equal(talkers.size, 0);
});

test('a flood from random sources stays within bounds and hides nobody who sends much', () => {
  const talkers = new TopTalkers();
  const words = new Uint32Array(4);
  const forged = event('10.0.0.0', { source: words });
  for (let second = 0; second < 5; second++) {
    for (let n = 0; n < 20_000; n++) {
      words[0] = Math.imul(second * 20_000 + n, 0x9e3779b1);
      talkers.observe(forged);
      if (n % 100 === 0) talkers.observe(event('192.0.2.1'));
    }
    assert.ok(talkers.size <= talkersMax);
    talkers.tick(1);
    assert.ok(talkers.size <= talkersMax / 2);
    assert.equal(talkers.top('packets', 1)[0]?.source, '192.0.2.1');
  }
  assert.equal(talkers.total.packets, 20_200);
});

test('packets are thinned to so many events a second, and again when there are fewer', () => {
  const cases: readonly [mask: number, perSecond: number, next: number][] = [
    [0, 0, 0],
    [0, eventsPerSecondMax, 0],
    [0, eventsPerSecondMax + 1, 1],
    [0, eventsPerSecondMax * 100, 127],
    [7, eventsPerSecondMax * 3, 31],
    [7, eventsPerSecondMax / 2, 7],
    [7, eventsPerSecondMax / 4 - 1, 3],
    [1, 0, 0],
    [0xffff, 1e12, 0xffff],
  ];
  for (const [mask, perSecond, next] of cases) assert.equal(nextMask(mask, perSecond), next);
});
