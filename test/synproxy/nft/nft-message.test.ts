import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesMax, parseNftOrder } from '../../../src/synproxy/nft/nft-message.ts';

const change = {
  kind: 'change',
  sequence: 3,
  replaces: false,
  add: [{ target: '192.0.2.1', action: 'drop', ttlMs: 1_000 }],
  remove: ['2001:db8::/32'],
  removeAllowed: [],
};
const rule = { id: 1, source: null, destination: null, port: null, protocol: 6, action: 'drop' };

const good = [
  { kind: 'open', table: 'weir-ab12', interfaces: ['eth0'] },
  change,
  { ...change, replaces: true, add: [], remove: [] },
  { kind: 'count', sequence: 4, targets: ['192.0.2.1', '2001:db8::/32'] },
  { kind: 'rules', sequence: 0, rules: [rule, { ...rule, port: { first: 1, last: 2 } }] },
];
for (const order of good) {
  test(`${JSON.stringify(order)} is an order`, () => {
    assert.deepEqual(parseNftOrder(JSON.stringify(order)), order);
  });
}

const bad: readonly unknown[] = [
  'no JSON',
  null,
  [],
  { kind: 'run', command: 'rm' },
  { kind: 'open', table: 'filter', interfaces: [] },
  { kind: 'open', table: 'weir-a b', interfaces: [] },
  { kind: 'open', table: 'weir-a' },
  { kind: 'open', table: 'weir-a', interfaces: [], more: 1 },
  { kind: 'open', table: 'weir-a', interfaces: ['eth0", accept'] },
  { kind: 'count', sequence: 1, targets: ['eth0'] },
  { ...change, more: 1 },
  { ...change, sequence: -1 },
  { ...change, sequence: 1.5 },
  { ...change, replaces: 'yes' },
  { ...change, add: [{ target: '192.0.2.1/24', action: 'drop', ttlMs: null }] },
  { ...change, add: [{ target: '0.0.0.0/0 accept', action: 'drop', ttlMs: null }] },
  { ...change, add: [{ target: '192.0.2.1', action: 'accept', ttlMs: null }] },
  { ...change, add: [{ target: '192.0.2.1', action: 'drop', ttlMs: 0 }] },
  { ...change, add: [{ target: '192.0.2.1', action: 'drop', ttlMs: '1' }] },
  { ...change, add: [{ target: '192.0.2.1', action: 'drop' }] },
  { ...change, remove: [7] },
  { ...change, remove: Array.from({ length: entriesMax + 1 }, () => '192.0.2.1') },
  { kind: 'rules', sequence: 1, rules: [{ ...rule, protocol: 256 }] },
  { kind: 'rules', sequence: 1, rules: [{ ...rule, port: { first: 2, last: 1 } }] },
  { kind: 'rules', sequence: 1, rules: [{ ...rule, source: 'lo' }] },
  { kind: 'rules', sequence: 1, rules: [{ ...rule, action: 'queue' }] },
  { kind: 'rules', sequence: 1, rules: Array.from({ length: 257 }, () => rule) },
];
for (const order of bad) {
  test(`${JSON.stringify(order).slice(0, 120)} is none`, () => {
    assert.equal(parseNftOrder(typeof order === 'string' ? order : JSON.stringify(order)), null);
  });
}
