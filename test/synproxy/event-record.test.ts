import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCounters } from '../../src/synproxy/counters.ts';
import { EventDecoder } from '../../src/synproxy/event-record.ts';
import { viewOf, writeU64 } from '../../src/synproxy/list-entry.ts';
import { memoryLayout, memoryMap } from '../support/memory-shield.ts';

function eventBytes(family: number): Uint8Array {
  const layout = memoryLayout.struct('event');
  const bytes = new Uint8Array(layout.bytes);
  const view = viewOf(bytes);
  const at = (name: string) => layout.field(name).offset;
  writeU64(view, at('time_ns'), 7_000_000_000_123_000);
  view.setUint32(at('interface_index'), 3, true);
  view.setUint32(at('length'), 74, true);
  view.setUint32(at('weight'), 128, true);
  bytes[at('verdict')] = 10;
  bytes[at('family')] = family;
  bytes[at('protocol')] = 6;
  bytes[at('tcp_flags')] = 2;
  view.setUint16(at('source_port'), 40_000, true);
  view.setUint16(at('destination_port'), 443, true);
  view.setUint16(at('rule'), 0xffff, true);
  bytes.set([10, 1, 2, 3], at('source'));
  bytes.set([0x20, 1, 0xd, 0xb8], at('destination'));
  return bytes;
}

test('an event is read as its struct has it', () => {
  const record = new EventDecoder(memoryLayout).decode(eventBytes(4));
  assert.deepEqual(record, {
    timeMs: 7_000_000_000.123,
    weight: 128,
    length: 74,
    interfaceIndex: 3,
    verdict: 'drop_exact',
    family: 4,
    protocol: 6,
    tcpFlags: 2,
    sourcePort: 40_000,
    destinationPort: 443,
    rule: null,
    source: new Uint32Array([0x0a010203, 0, 0, 0]),
    destination: new Uint32Array([0x20010db8, 0, 0, 0]),
  });
});

test('what is too short or of no family is no event, and a newer verdict is unknown', () => {
  const decoder = new EventDecoder(memoryLayout);
  assert.equal(decoder.decode(eventBytes(4).subarray(1)), null);
  assert.equal(decoder.decode(eventBytes(5)), null);
  const bytes = eventBytes(6);
  bytes[memoryLayout.struct('event').field('verdict').offset] = 200;
  assert.equal(decoder.decode(bytes)?.verdict, 'unknown');
});

test('counters are added up over CPUs, by the names of the program', () => {
  const stats = memoryMap('stats');
  const key = new Uint8Array(4);
  viewOf(key).setUint32(0, 10 * 4 + 1, true);
  const value = new Uint8Array(32);
  writeU64(viewOf(value), 0, 2 ** 33);
  writeU64(viewOf(value), 8, 500);
  writeU64(viewOf(value), 16, 5);
  writeU64(viewOf(value), 24, 7);
  stats.update(key, value);
  assert.deepEqual(readCounters(stats, memoryLayout), [
    { verdict: 'drop_exact', protocol: 'udp', packets: 2 ** 33 + 5, bytes: 507 },
  ]);
});
