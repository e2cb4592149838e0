/** The worked example of `wasm-rules/abi.md` is what the host writes. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { complete } from '#proxy/http1/parse-problem.ts';
import { parseResponse } from '#proxy/http1/parse-response.ts';
import { ResponseView } from '#waf/response-view.ts';
import type { Transaction } from '#waf/transaction.ts';
import { encodeRequestHead, viewBytesMax } from '#wasm/abi.ts';
import { encodeBody, encodeLog, encodeResponseHead } from '#wasm/encode-views.ts';
import { phase } from '#wasm/filter.ts';
import { GuestMemory } from '#wasm/guest-memory.ts';
import { hostCalls } from '#wasm/hostcalls/host-calls.ts';
import { encodePacket, type PacketView, packetPayloadBytesMax } from '#wasm/packet-view.ts';
import { transactionOf } from '../support/filters.ts';
import { testLimits } from '../support/guests.ts';
import { viewOf } from '../support/view.ts';

const packet: PacketView = {
  ...{ family: 4, protocol: 6, sourcePort: 40_000, destinationPort: 443 },
  source: Buffer.from([192, 0, 2, 7]),
  destination: Buffer.from([198, 51, 100, 1]),
  ...{
    tcpFlags: 24,
    tcpSequence: 1_001,
    number: 3,
    flow: 1n,
    begins: false,
    isIncoming: true,
    wireBytes: 9,
  },
  payload: Buffer.from([0x16]),
};

const limits = { ...testLimits, headBytesMax: 4_096, headersMax: 10 };

const document = readFileSync(join(import.meta.dirname, '../../wasm-rules/abi.md'), 'utf8');

/** The first example of the page, or the one after it. */
function exampleBytes(index = 0): Buffer {
  const [, dump] =
    [...document.matchAll(/```hex\n([^`]*)```/g)][index] ?? assert.fail('no hex dump in abi.md');
  return Buffer.from((dump ?? '').replace(/^[0-9a-f]{4} /gm, '').replace(/\s/g, ''), 'hex');
}

describe('the packed request head', () => {
  it('is the worked example of the document, wherever the head lies in its buffer', () => {
    const expected = exampleBytes();
    assert.equal(expected.length, 125);
    for (const before of [0, 3, 1000]) {
      const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
      const view = viewOf({ target: '/a?b=1', headers: [['Host', 'x.example']], before });
      encodeRequestHead(view, { clientAddress: '192.0.2.7', tls: true }, limits, memory, 64);
      assert.deepEqual(memory.bytes.subarray(64, 64 + expected.length), expected);
      assert.equal(
        memory.bytes.subarray(64 + expected.length).findIndex((byte) => byte !== 0),
        -1,
      );
    }
  });

  it('is the worked example with a connection record, behind what was there before', () => {
    const before = exampleBytes();
    before.writeUInt32LE(0xa5, 0);
    before.writeUInt32LE(5, 4);
    const expected = Buffer.concat([before, Buffer.alloc(3), exampleBytes(1)]);
    assert.equal(expected.length, 0xa5);
    const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
    const view = viewOf({ target: '/a?b=1', headers: [['Host', 'x.example']] });
    const certificate = { subject: 'CN=a', sha256: '0f', verified: true };
    const facts = { clientAddress: '192.0.2.7', tls: true, ja4: 't13', certificate };
    encodeRequestHead(view, facts, limits, memory, 64);
    assert.deepEqual(memory.bytes.subarray(64, 64 + expected.length), expected);
  });

  it('never needs more than the guest was asked for', () => {
    const headers = Array.from(
      { length: limits.headersMax },
      (_, index) => [`X-${index}`, 'v'] as const,
    );
    const short = viewOf({ target: '/', headers });
    const target = `/${'t'.repeat(limits.headBytesMax - short.end)}`;
    const view = viewOf({ target, headers });
    assert.equal(view.end, limits.headBytesMax);
    const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
    const certificate = { subject: 's'.repeat(540), sha256: '0'.repeat(64), verified: false };
    const facts = { clientAddress: 'f'.repeat(64), tls: true, ja4: 'j'.repeat(36), certificate };
    encodeRequestHead(view, facts, limits, memory, 0);
    assert((memory.words[0] ?? 0) <= viewBytesMax(limits, phase.requestHead));
    assert.throws(
      () => encodeRequestHead(viewOf({ target: `${target}t`, headers }), facts, limits, memory, 0),
      /assertion failed/,
    );
    assert.throws(
      () =>
        encodeRequestHead(
          viewOf({ target: '/', headers: [...headers, ['X', 'y']] }),
          facts,
          limits,
          memory,
          0,
        ),
      /assertion failed/,
    );
    assert.throws(
      () =>
        encodeRequestHead(short, { clientAddress: 'f'.repeat(65), tls: false }, limits, memory, 0),
      /assertion failed/,
    );
    assert.throws(
      () => encodeRequestHead(short, { ...facts, ja4: 'j'.repeat(37) }, limits, memory, 0),
      /assertion failed/,
    );
  });
});

describe('the other views', () => {
  const transaction = (): Transaction =>
    transactionOf(viewOf({ target: '/a', headers: [['Host', 'x']] }), {
      clientAddress: '192.0.2.7',
      tls: true,
    });
  const cases: readonly (readonly [string, (memory: GuestMemory, at: number) => number])[] = [
    [
      'of a response head',
      (memory, at) => {
        const bytes = Buffer.from('HTTP/1.1 200 OK\r\nA: b\r\n\r\n');
        const response = new ResponseView(4);
        assert(parseResponse(response, bytes, 0, bytes.length, 1_000) === complete);
        const about = transaction();
        about.response = response;
        return encodeResponseHead(about, limits, memory, at);
      },
    ],
    [
      'of a stretch of a body',
      (memory, at) => {
        const window = {
          bytes: Buffer.from('ab=c'),
          overlap: 1,
          position: 1,
          isFirst: false,
          isLast: true,
          isWhole: false,
        };
        return encodeBody(transaction(), window, false, limits, memory, at);
      },
    ],
    [
      'of what became of a request',
      (memory, at) => {
        const about = transaction();
        about.score = 5;
        const record = {
          status: 403,
          outcome: 'blocked',
          bytesIn: 4,
          bytesOut: 1_000,
          durationMs: 2.5,
          wafMs: 0.125,
          rule: 'r/a',
        } as const;
        return encodeLog(about, record, limits, memory, at);
      },
    ],
  ];
  for (const [index, [name, encode]] of cases.entries()) {
    it(`${name} is the worked example`, () => {
      const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
      const expected = exampleBytes(index + 2);
      assert.equal(encode(memory, 64), expected.length);
      assert.deepEqual(memory.bytes.subarray(64, 64 + expected.length), expected);
    });
  }
});

describe('the view of a packet', () => {
  it('is the worked example', () => {
    const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
    memory.bytes.fill(0xa5);
    const expected = exampleBytes(5);
    const size = encodePacket(packet, memory, 64);
    assert.deepEqual(memory.bytes.subarray(64, 64 + size), expected);
    assert.equal(memory.bytes[64 + size], 0xa5);
  });

  it('never needs more than the guest was asked for', () => {
    const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
    const full = { ...packet, payload: Buffer.alloc(packetPayloadBytesMax) };
    assert(encodePacket(full, memory, 0) <= viewBytesMax(limits, phase.packet));
    const over = { ...packet, payload: Buffer.alloc(packetPayloadBytesMax + 1) };
    assert.throws(() => encodePacket(over, memory, 0), /assertion failed/);
  });
});

describe('the table of host calls', () => {
  it('has every call with its grants, and no other', () => {
    const rows = [...document.matchAll(/^\| `([a-z_]+)` +\|.*\| ([^|]+?) +\|$/gm)].filter(
      ([, name]) => !(name ?? '').startsWith('weir_') && name !== 'memory',
    );
    const grantsOf = (text: string): readonly string[] =>
      text === 'the same'
        ? grantsOf(kvGrants)
        : [...text.matchAll(/`([^`]+)`/g)].map(([, grant]) => grant ?? '');
    const kvGrants = rows.find(([, name]) => name === 'kv_get')?.[2] ?? '';
    assert.deepEqual(
      rows.map(([, name, grants]) => [name, grantsOf(grants ?? '')]),
      hostCalls().map((call) => [call.name, call.grants]),
    );
  });
});
