import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WeirError } from '../../src/core/errors.ts';
import { cidrContains, type IpAddress, parseCidr, parseIp } from '../../src/core/ip.ts';
import { type L4Rule, l4RuleActions } from '../../src/core/l4-rule.ts';
import { readU64, viewOf, writeAddress, writeU64 } from '../../src/synproxy/list-entry.ts';
import { RuleTables } from '../../src/synproxy/rule-tables.ts';
import type { MemoryKernelMap } from '../support/memory-kernel-map.ts';
import { memoryLayout, memoryMaps } from '../support/memory-shield.ts';
import { propertySettings } from '../support/property.ts';

const names = [
  'rule_src4',
  'rule_dst4',
  'rule_src6',
  'rule_dst6',
  'rule_port',
  'rule_proto',
  'rule_action',
  'rule_hits',
] as const;
type Maps = Record<(typeof names)[number], MemoryKernelMap>;
type Packet = { source: IpAddress; destination: IpAddress; port: number; protocol: number };

class Switch {
  live = 0;
  isOn = false;
  generation(): number {
    return this.live;
  }
  flip(generation: number, hasRules: boolean): void {
    this.live = generation;
    this.isOn = hasRules;
  }
}

function set() {
  const maps = memoryMaps(names);
  const ruleSwitch = new Switch();
  return { maps, ruleSwitch, tables: new RuleTables(maps, memoryLayout, ruleSwitch) };
}

function index(value: number): Uint8Array {
  const key = new Uint8Array(4);
  viewOf(key).setUint32(0, value, true);
  return key;
}

/** As the program finds the rule: four look-ups, AND, lowest bit; counts the hit on the second CPU. */
function kernelRule(maps: Maps, generation: number, packet: Packet): string {
  const trie = (side: 'src' | 'dst', address: IpAddress) => {
    const bytes = address.family === 4 ? 4 : 16;
    const key = new Uint8Array(8 + bytes);
    viewOf(key).setUint32(0, 32 + bytes * 8, true);
    viewOf(key).setUint32(4, generation, true);
    writeAddress(viewOf(key), 8, address.family, address.words);
    return maps[`rule_${side}${address.family}`].inPlace(key);
  };
  const found = [
    trie('src', packet.source),
    trie('dst', packet.destination),
    maps.rule_port.inPlace(index(generation * 65_536 + packet.port)),
    maps.rule_proto.inPlace(index(generation * 256 + packet.protocol)),
  ];
  let bits = (1n << 256n) - 1n;
  for (const value of found) {
    assert.ok(value !== undefined, 'every look-up finds an entry');
    let own = 0n;
    for (let word = 3; word >= 0; word--)
      own = (own << 64n) | viewOf(value).getBigUint64(word * 8, true);
    bits &= own;
  }
  if (bits === 0n) return 'none';
  let rule = 0;
  while ((bits & 1n) === 0n) {
    bits >>= 1n;
    rule++;
  }
  const hits = maps.rule_hits.inPlace(index(generation * 256 + rule));
  assert.ok(hits !== undefined);
  writeU64(viewOf(hits), 16, readU64(viewOf(hits), 16) + 1);
  writeU64(viewOf(hits), 24, readU64(viewOf(hits), 24) + 60);
  const action = maps.rule_action.inPlace(index(generation * 256 + rule));
  assert.ok(action !== undefined);
  return `${rule} ${l4RuleActions[viewOf(action).getUint32(0, true)]}`;
}

function plainRule(rules: readonly L4Rule[], packet: Packet): string {
  const holds = (range: string | null, address: IpAddress) => {
    const cidr = range === null ? null : parseCidr(range);
    return cidr === null || cidrContains(cidr, address);
  };
  const at = rules.findIndex(
    ({ source, destination, port, protocol }) =>
      holds(source, packet.source) &&
      holds(destination, packet.destination) &&
      (port === null || (port.first <= packet.port && packet.port <= port.last)) &&
      (protocol === null || protocol === packet.protocol),
  );
  return at === -1 ? 'none' : `${at} ${rules[at]?.action}`;
}

const host = fc.constantFrom(0, 1, 2, 3, 127, 128, 255);
const family = fc.constantFrom(4 as const, 6 as const);
const text = (of: 4 | 6, one: number, other: number) =>
  of === 4 ? `10.${one}.0.${other}` : `2001:db8:${one}::${other}`;
const range = fc
  .tuple(family, host, host, fc.constantFrom(0, 8, 15, 16, 24, 31, 32, 40, 48, 127, 128))
  .map(([of, one, other, bits]) => {
    const prefix = of === 4 ? Math.min(32, bits) : bits;
    return parseCidr(`${text(of, one, other)}/${prefix}`)?.text ?? null;
  });
const portEdge = fc.constantFrom(1, 2, 79, 80, 81, 443, 8_080, 65_534, 65_535);
const rule = fc.record({
  id: fc.nat(),
  source: fc.option(range, { freq: 2 }),
  destination: fc.option(range, { freq: 1 }),
  port: fc.option(
    fc.tuple(portEdge, portEdge).map(([one, other]) => ({
      first: Math.min(one, other),
      last: Math.max(one, other),
    })),
    { freq: 2 },
  ),
  protocol: fc.option(fc.constantFrom(0, 1, 6, 17, 58, 255), { freq: 2 }),
  action: fc.constantFrom(...l4RuleActions),
});
const packet = fc
  .tuple(
    family,
    host,
    host,
    host,
    host,
    fc.constantFrom(0, 1, 2, 80, 82, 443, 65_535),
    fc.constantFrom(0, 1, 6, 17, 58, 200),
  )
  .map(([of, a, b, c, d, port, protocol]): Packet => {
    const source = parseIp(text(of, a, b));
    const destination = parseIp(text(of, c, d));
    assert.ok(source !== null && destination !== null);
    return { source, destination, port, protocol };
  });

test('the bits find the rule that the first match in order is, and count it', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(rule, { maxLength: 12 }),
        fc.array(rule, { minLength: 200, maxLength: 256, size: 'max' }),
      ),
      fc.array(packet, { minLength: 250, maxLength: 250, size: 'max' }),
      (made, packets) => {
        const rules = made.map((one, at) => ({ ...one, id: 1_000 + at }));
        const { maps, ruleSwitch, tables } = set();
        tables.replace(rules);
        assert.equal(ruleSwitch.isOn, rules.length > 0);
        let matched = 0;
        for (const one of packets) {
          const expected = plainRule(rules, one);
          if (expected !== 'none') matched++;
          assert.equal(kernelRule(maps, ruleSwitch.live, one), expected);
        }
        const counted = [...tables.hits().values()].reduce((sum, { packets: n }) => sum + n, 0);
        assert.equal(counted, matched);
      },
    ),
    propertySettings(t, 15),
  );
});

const any: Omit<L4Rule, 'id' | 'action'> = {
  source: null,
  destination: null,
  port: null,
  protocol: null,
};
const packetTo = (port: number): Packet => {
  const source = parseIp('192.0.2.1');
  assert.ok(source !== null);
  return { source, destination: source, port, protocol: 6 };
};
const portRule = (id: number, port: number): L4Rule => ({
  ...any,
  id,
  port: { first: port, last: port },
  action: 'drop',
});

test('hits stay with the id of a rule when others come, go and change places', () => {
  const { maps, ruleSwitch, tables } = set();
  tables.replace([portRule(1, 80), portRule(2, 443)]);
  kernelRule(maps, ruleSwitch.live, packetTo(443));
  tables.replace([portRule(3, 22), portRule(2, 443), portRule(1, 80)]);
  kernelRule(maps, ruleSwitch.live, packetTo(443));
  kernelRule(maps, ruleSwitch.live, packetTo(80));
  tables.replace([portRule(2, 443), portRule(3, 22)]);
  assert.deepEqual(tables.hits().get(2), { packets: 2, bytes: 120 });
  assert.deepEqual(tables.hits().get(3), { packets: 0, bytes: 0 });
  assert.equal(tables.hits().has(1), false);
  assert.equal(tables.idOf(1), 3);
});

test('no old rule is left in a generation that is used again', () => {
  const { maps, ruleSwitch, tables } = set();
  const wide: L4Rule = { ...any, id: 1, source: '192.0.2.0/24', action: 'drop' };
  tables.replace([wide]);
  tables.replace([]);
  assert.equal(ruleSwitch.isOn, false);
  tables.replace([portRule(2, 80)]);
  assert.equal(kernelRule(maps, ruleSwitch.live, packetTo(81)), 'none');
  assert.equal(maps.rule_src4.size, 2, 'a /0 of each generation');
});

test('when writing fails the old rules stay live', () => {
  const { maps, ruleSwitch, tables } = set();
  tables.replace([portRule(1, 80)]);
  maps.rule_action.failNext = new WeirError('KERNEL_CALL_FAILED', 'ENOMEM');
  assert.throws(() => tables.replace([portRule(2, 81)]), /ENOMEM/);
  assert.equal(kernelRule(maps, ruleSwitch.live, packetTo(80)), '0 drop');
  assert.deepEqual([...tables.hits().keys()], [1]);
});

test('who takes up the tables of another process goes on counting', () => {
  const { maps, ruleSwitch, tables } = set();
  tables.replace([portRule(7, 80), portRule(8, 81)]);
  kernelRule(maps, ruleSwitch.live, packetTo(81));
  tables.replace([portRule(8, 81), portRule(7, 80)]);
  kernelRule(maps, ruleSwitch.live, packetTo(81));
  const next = new RuleTables(maps, memoryLayout, ruleSwitch, [8, 7]);
  assert.deepEqual(next.hits().get(8), { packets: 2, bytes: 120 });
  next.replace([portRule(8, 81)]);
  kernelRule(maps, ruleSwitch.live, packetTo(81));
  assert.deepEqual([...next.hits()], [[8, { packets: 3, bytes: 180 }]]);
});
