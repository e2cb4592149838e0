import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIp } from '../../src/core/ip.ts';
import {
  Detector,
  type Finding,
  findingsPerMinuteMax,
  newcomersMax,
  quietMs,
} from '../../src/synproxy/detector.ts';
import type { PacketEvent } from '../../src/synproxy/event-record.ts';

const syn = 0x02;
const ack = 0x10;

function event(source: string, changes: Partial<PacketEvent> = {}): PacketEvent {
  const ip = parseIp(source);
  assert.ok(ip !== null);
  return {
    timeMs: 1_000,
    weight: 1,
    length: 60,
    interfaceIndex: 2,
    verdict: 'pass',
    family: ip.family,
    protocol: 6,
    tcpFlags: syn,
    sourcePort: 40_000,
    destinationPort: 443,
    rule: null,
    source: ip.words,
    destination: new Uint32Array(4),
    ...changes,
  };
}

const terms = { synRate: 200, synSharePercent: 70, portScan: { ports: 20, seconds: 60 } };
const detector = () => new Detector(terms);

/** All findings of a run of events. */
function run(into: Detector, events: Iterable<PacketEvent>): Finding[] {
  const found: Finding[] = [];
  for (const one of events) {
    const finding = into.observe(one);
    if (finding !== null) found.push(finding);
  }
  return found;
}

const many = (
  count: number,
  source: string,
  each: (n: number) => Partial<PacketEvent> = () => ({}),
) => Array.from({ length: count }, (_, n) => event(source, each(n)));

test('a source that only opens connections is found, once, with its numbers', () => {
  for (const [source, target] of [
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3::9', '2001:db8:1:2::/64'],
  ] as const) {
    const found = run(detector(), many(300, source));
    assert.equal(found.length, 1);
    assert.equal(found[0]?.target, target);
    assert.equal(found[0]?.kind, 'syn-share');
    assert.match(found[0]?.evidence ?? '', /^100 % of about 100 TCP packets within 10 s/);
    assert.equal(found[0]?.syns, 100);
  }
});

const innocent = [
  { what: 'below 100 packets', events: many(100, '192.0.2.7') },
  {
    what: 'of which two thirds are SYNs',
    events: many(2_000, '192.0.2.7', (n) => ({
      tcpFlags: n % 3 === 0 ? ack : syn,
      timeMs: n * 10,
    })),
  },
  { what: 'spread over time', events: many(500, '192.0.2.7', (n) => ({ timeMs: n * 200 })) },
  { what: 'of UDP', events: many(500, '192.0.2.7', () => ({ protocol: 17 })) },
  { what: 'of answers', events: many(500, '192.0.2.7', () => ({ tcpFlags: syn | ack })) },
  { what: 'on the allow list', events: many(500, '192.0.2.7', () => ({ verdict: 'allowed' })) },
  { what: 'blocked already', events: many(500, '192.0.2.7', () => ({ verdict: 'drop_exact' })) },
  { what: 'once, with a great weight', events: many(1, '192.0.2.7', () => ({ weight: 65_536 })) },
  {
    what: 'seven times, with a great weight',
    events: many(8, '192.0.2.7', () => ({ weight: 1_024 })),
  },
  {
    what: 'to 19 high ports',
    events: many(60, '192.0.2.7', (n) => ({ destinationPort: 2_000 + (n % 19) })),
  },
  {
    what: 'to 20 ports in 63 s',
    events: many(21, '192.0.2.7', (n) => ({ destinationPort: 2_000 + n, timeMs: n * 3_160 })),
  },
];
for (const { what, events } of innocent) {
  test(`nothing is found in packets ${what}`, () => {
    assert.deepEqual(run(detector(), events), []);
  });
}

test('the weight of a sample counts: 9 events of 64 packets are 512 and more', () => {
  const found = run(
    detector(),
    many(9, '192.0.2.7', () => ({ weight: 64 })),
  );
  assert.equal(found[0]?.kind, 'syn-share');
});

test('a rate of SYNs is found, whatever else the source sends', () => {
  const events = many(9_000, '192.0.2.7', (n) => ({ tcpFlags: n % 3 === 0 ? syn : ack }));
  assert.deepEqual(
    run(detector(), events).map(({ kind }) => kind),
    ['syn-rate'],
  );
});

test('a scan is found at its 20th port, however it falls in time', () => {
  const scan = many(40, '192.0.2.7', (n) => ({ destinationPort: 2_000 + n, timeMs: n * 2_900 }));
  const into = detector();
  assert.equal(
    scan.findIndex((one) => into.observe(one) !== null),
    19,
  );
  const found = run(detector(), scan);
  assert.equal(found[0]?.evidence, 'connection attempts to 20 ports within 60 s');
});

test('a port is counted once, and no longer when it is long ago', () => {
  const late = many(60, '192.0.2.7', (n) => ({
    destinationPort: n < 19 ? 2_000 + n : 3_000 + n,
    timeMs: n < 19 ? n : 61_000 + n * 4_000,
  }));
  assert.deepEqual(run(detector(), late), []);
});

test('a limit of 0 looks for nothing of its kind', () => {
  const off = new Detector({ synRate: 0, synSharePercent: 0, portScan: { ports: 0, seconds: 60 } });
  assert.deepEqual(
    run(
      off,
      many(5_000, '192.0.2.7', (n) => ({ destinationPort: n })),
    ),
    [],
  );
});

test('a million forged sources are no finding, stay within bounds and push no suspect out', () => {
  const into = detector();
  const scan = (n: number) => event('192.0.2.7', { destinationPort: 2_000 + n });
  run(into, [scan(0), scan(1)]);
  const words = new Uint32Array(4);
  const forged = event('10.0.0.0', { source: words });
  for (let n = 0; n < 1_000_000; n++) {
    words[0] = Math.imul(n, 0x9e3779b1);
    forged.weight = 128;
    assert.equal(into.observe(forged), null);
  }
  assert.ok(into.counts.newcomers <= newcomersMax);
  assert.equal(into.counts.suspects, 1);
  assert.ok(into.counts.forgotten > 900_000);
  const found = run(
    into,
    Array.from({ length: 18 }, (_, n) => scan(n + 2)),
  );
  assert.deepEqual(
    found.map(({ kind }) => kind),
    ['port-scan'],
  );
});

test('a minute has a budget; what is over it is counted', () => {
  const into = detector();
  const flood = (from: number, timeMs: number) =>
    Array.from({ length: 100 }, (_, n) =>
      many(120, `10.1.${from}.${n}`, () => ({ timeMs })),
    ).flat();
  assert.equal(run(into, flood(0, 1_000)).length, findingsPerMinuteMax);
  assert.equal(into.counts.overBudget, 40);
  assert.equal(run(into, flood(1, 60_999)).length, 0);
  assert.equal(run(into, flood(2, 61_000)).length, findingsPerMinuteMax);
});

test('who was told of is told of again after a while only', () => {
  const into = detector();
  assert.equal(run(into, many(300, '192.0.2.7')).length, 1);
  assert.equal(
    run(
      into,
      many(300, '192.0.2.7', () => ({ timeMs: 900 + quietMs })),
    ).length,
    0,
  );
  assert.equal(
    run(
      into,
      many(300, '192.0.2.7', () => ({ timeMs: 2_000 + quietMs })),
    ).length,
    1,
  );
});
