/** Modules of packets: what they are asked, what their answers may be, and what becomes of a failure. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { failuresMax } from '#wasm/failure-window.ts';
import { phase } from '#wasm/filter.ts';
import type { CompileSource } from '#wasm/live-module.ts';
import { PacketFilter } from '#wasm/packet-filter.ts';
import { flowNoteBytesMax, flowNotesMax, flowsMax, PacketFlows } from '#wasm/packet-flows.ts';
import { addressText, type PacketView } from '#wasm/packet-view.ts';
import { validateModule } from '#wasm/validate.ts';
import { buildRules } from '../../scripts/build-rules.ts';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { allow, stubFilter } from '../support/filters.ts';
import { buildTestGuest, testLimits, testServices, testSource } from '../support/guests.ts';
import { packetGuest, record } from '../support/packet-guest.ts';
import { shippedBytes } from '../support/rule-module.ts';

const packet = (flow: number, changes: Partial<PacketView> = {}): PacketView => ({
  ...{ family: 4, protocol: 6, sourcePort: 40_000, destinationPort: 443 },
  source: Buffer.from([192, 0, 2, 7]),
  destination: Buffer.from([198, 51, 100, 1]),
  ...{ tcpFlags: 2, tcpSequence: 7, number: 1, flow: BigInt(flow), begins: true, isIncoming: true },
  ...{ payload: Buffer.alloc(0), wireBytes: 0 },
  ...changes,
});

type Failure = { readonly kind: string; readonly message: string; readonly isQuarantine: boolean };

function load(
  bytes: Uint8Array,
  changes: Partial<CompileSource> = {},
): { filter: PacketFilter; failures: Failure[] } {
  const failures: Failure[] = [];
  const filter = PacketFilter.load(
    { ...testSource, name: 'm', bytes, ...changes },
    testServices,
    (message, kind, isQuarantine) => failures.push({ message, kind, isQuarantine }),
  );
  return { filter, failures };
}

describe('a shipped module of packets', () => {
  let bytes: Uint8Array;
  before(async () => {
    await buildRules({ log: () => {} });
    bytes = await shippedBytes('packet-protocol');
  });

  it('follows flows side by side until it knows', () => {
    const { filter, failures } = load(bytes, { grants: ['kv:request'] });
    for (const flow of [1, 2])
      assert.deepEqual(filter.inspect(packet(flow)), { kind: 'undecided' });
    assert.equal(filter.flows, 2);
    const data = (flow: number, text: string): PacketView =>
      packet(flow, {
        tcpFlags: 24,
        tcpSequence: 8,
        number: 2,
        payload: Buffer.from(text, 'latin1'),
      });
    const dropped = filter.inspect(data(1, 'SSH-2.0-x'));
    assert(dropped.kind === 'drop' && dropped.rule === 'packet-protocol/ssh');
    const hello = '\u0016\u0003\u0001\u0006\u00c4\u0001';
    assert.deepEqual(filter.inspect(data(2, hello)), { kind: 'pass' });
    assert.equal(filter.flows, 0);
    assert.deepEqual(failures, []);
    assert(filter.fuelUsed > 0);
  });

  it('passes validation with its cases', async () => {
    const cases = await readFile('wasm-rules/rules/packet-protocol/cases.json', 'utf8');
    const source = { ...testSource, name: 'packet-protocol', bytes, grants: ['kv:request'] };
    await validateModule(source, testLimits, { deadlineMs: 10_000, cases });
    await assert.rejects(
      validateModule(source, testLimits, {
        deadlineMs: 10_000,
        cases: cases.replace('"undecided"', '"pass"'),
      }),
      /does not do what its case "a TLS client hello on 443" says/,
    );
  });
});

describe('an answer to a packet', () => {
  const answers: readonly (readonly [string, number[], object])[] = [
    ['pass', record(9), { kind: 'pass' }],
    ['drop', record(10), { kind: 'drop', rule: 'm/r', reason: '', target: '', matched: '' }],
    ['alert', record(11), { kind: 'alert', rule: 'm/r', reason: '', target: '', matched: '' }],
  ];
  for (const [name, words, expected] of answers)
    it(`${name} is taken`, () => {
      const { filter, failures } = load(packetGuest({ words }));
      assert.deepEqual(filter.inspect(packet(1)), expected);
      assert.deepEqual(failures, []);
    });
  const wrong: readonly (readonly [string, Parameters<typeof packetGuest>[0], RegExp])[] = [
    [
      'a block of a request',
      { words: record(1) },
      /record kind 1 is none for a packet: 9 \(pass\)/,
    ],
    ['a chain', { words: record(9).with(1, 1_024) }, /a packet is answered with one record/],
    [
      'an odd address',
      { words: record(9), answer: 1_025 },
      /lies at 1025, which is not a multiple/,
    ],
    ['one outside the memory', { words: record(9), answer: 65_528 }, /outside the memory/],
    [
      'a drop without a rule',
      { words: record(10).with(7, 0) },
      /rule of a verdict must be visible/,
    ],
  ];
  for (const [name, guest, message] of wrong)
    for (const failure of ['closed', 'open'] as const)
      it(`${name} is a failure, and the policy ${failure} holds`, () => {
        const { filter, failures } = load(packetGuest(guest), { failure });
        const verdict = filter.inspect(packet(1));
        assert.equal(verdict.kind, failure === 'closed' ? 'drop' : 'pass');
        if ('rule' in verdict) assert.equal(verdict.rule, 'm/failure');
        assert.match(failures[0]?.message ?? '', message);
      });
});

describe('a module that keeps failing', () => {
  it('is switched off, and its policy holds', () => {
    const { filter, failures } = load(packetGuest({ words: [], loops: true }), { fuel: 10_000 });
    for (let i = 0; i < failuresMax + 3; i++) assert.equal(filter.inspect(packet(i)).kind, 'drop');
    assert.equal(filter.isOff, true);
    assert.equal(failures.length, failuresMax);
    assert.deepEqual(
      failures.map(({ kind, isQuarantine }) => [kind, isQuarantine]),
      Array.from({ length: failuresMax }, (_, i) => ['fuel', i === failuresMax - 1]),
    );
  });
});

describe('what stands beside what', () => {
  it('a module of requests is refused for packets', async () => {
    const bytes = await buildTestGuest('allow-everything');
    assert.throws(() => load(bytes), /exports no weir_packet/);
  });

  it('a module of both is refused', () => {
    assert.throws(
      () => load(packetGuest({ words: [], alsoExports: 'weir_request_head' })),
      /exports weir_packet beside weir_request_head: .* make two modules of it/,
    );
  });

  it('a route with a module of packets is refused', async () => {
    const filter = { ...stubFilter('m', () => allow), phases: phase.packet };
    await assert.rejects(
      TestEdge.start({
        ...simpleEdge('http://127.0.0.1:1'),
        routes: [{ upstream: 'app', waf: { rules: ['m'] } }],
        modules: { m: filter },
      }),
      /rule module m looks at packets, not at requests/,
    );
  });
});

describe('what is kept of flows', () => {
  it('has a bound for each of them', () => {
    const flows = new PacketFlows();
    for (let i = 0; i < flowNotesMax; i++)
      assert.equal(flows.setNote(1n, `k${i}`, Buffer.alloc(1)), true);
    assert.equal(flows.setNote(1n, 'more', Buffer.alloc(1)), false);
    assert.equal(flows.setNote(2n, 'k', Buffer.alloc(flowNoteBytesMax - 1)), true);
    assert.equal(flows.setNote(2n, 'k', Buffer.alloc(flowNoteBytesMax)), false);
    assert.equal(flows.deleteNote(2n, 'k'), true);
    assert.equal(flows.setNote(2n, 'l', Buffer.alloc(flowNoteBytesMax - 1)), true);
  });

  it('has a bound for all of them: the one that waits longest goes', () => {
    let forgotten = 0;
    const flows = new PacketFlows(() => forgotten++);
    for (let i = 0; i < flowsMax; i++) flows.setNote(BigInt(i), 'k', Buffer.alloc(1));
    flows.setNote(0n, 'k', Buffer.alloc(2));
    flows.setNote(BigInt(flowsMax), 'k', Buffer.alloc(1));
    assert.equal(flows.size, flowsMax);
    assert.equal(forgotten, 1);
    assert.equal(flows.note(1n, 'k'), undefined);
    assert.equal(flows.note(0n, 'k')?.length, 2);
  });

  it('names the source as text', () => {
    assert.equal(addressText(4, Buffer.from([192, 0, 2, 7])), '192.0.2.7');
    const six = Buffer.from('20010db8000000000000000000000001', 'hex');
    assert.equal(addressText(6, six), '2001:db8::1');
    assert.equal(new PacketFlows().subject(packet(1)).clientAddress, '192.0.2.7');
  });
});
