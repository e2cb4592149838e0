/** What a module says of packets and what the kernel does then, with frames run through the packet program. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { loadConfig } from '#config/load.ts';
import { recordKind } from '#wasm/abi.ts';
import { ShieldInspection } from '../../src/roles/shield-inspection.ts';
import type { FromShield } from '../../src/roles/shield-ipc.ts';
import type { FrameTerms } from '../support/frames.ts';
import { testSource } from '../support/guests.ts';
import { needsBpf } from '../support/kernel-rights.ts';
import { packetGuest, record } from '../support/packet-guest.ts';
import { TestShield } from '../support/test-shield.ts';
import { until } from '../support/until.ts';

const skip = needsBpf();
const loaded = loadConfig({
  file: null,
  defaults: `edge: { listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]`,
  env: {},
});

describe('what is said of inspected packets', { skip }, () => {
  if (skip !== false || !loaded.ok) return;
  const shield = new TestShield();
  shield.rule(0, { src: '0.0.0.0/0', dport: 8_000, action: 'inspect' });
  shield.rule(0, { src: '::/0', dport: 8_000, action: 'inspect' });
  shield.flags('rules');
  shield.shield.config.change({ guard_inserts: 1_000_000 });
  const said: FromShield[] = [];
  const inspection = new ShieldInspection(
    shield.shield,
    (message) => said.push(message),
    () => 7,
  );
  after(async () => {
    await inspection.change(null);
    shield[Symbol.dispose]();
  });
  let port = 30_000;
  beforeEach(() => {
    port++;
    said.length = 0;
  });

  const run = (bytes: Uint8Array, changes = {}, packetsMax = 3) =>
    inspection.change({
      module: { ...testSource, name: 'm', bytes, off: null, ...changes },
      packetsMax,
      config: loaded.config,
    });
  const seen = () => inspection.state?.packets ?? 0;
  /** The verdict on one more packet of the flow, when what was shown of it has been dealt with. */
  async function send(terms: FrameTerms = {}): Promise<string> {
    const before = seen();
    const { verdict } = shield.verdict({ sport: port, dport: 8_000, flags: 'A', ...terms });
    if (verdict.includes('inspected')) await until('it is read', () => seen() > before);
    return verdict;
  }

  for (const from of ['192.0.2.1', '2001:db8::1'])
    it(`a drop holds for the flow and for no other, from ${from}`, async () => {
      await run(packetGuest({ words: record(recordKind.dropFlow) }));
      assert.equal(await send({ from }), 'pass+inspected');
      assert.equal(await send({ from }), 'drop_flow');
      assert.equal(await send({ from, sport: 29_000 }), 'pass+inspected');
      const [message] = said;
      assert(message?.kind === 'flow');
      const { verdict, source, sourcePort, destinationPort, kernelRule, rule } = message.flow;
      assert.deepEqual(
        [verdict, source, sourcePort, destinationPort, kernelRule, rule],
        ['drop', from, port, 8_000, 7, 'm/r'],
      );
      assert.equal(await send({ from, sport: 29_000, flags: 'S' }), 'pass+inspected');
    });

  it('a pass ends the inspection, an alert too and is told', async () => {
    await run(packetGuest({ words: record(recordKind.passFlow) }));
    assert.equal(await send(), 'pass+inspected');
    assert.equal(await send(), 'pass_flow');
    assert.equal(said.length, 0);
    await run(packetGuest({ words: record(recordKind.alertFlow) }));
    port++;
    await send();
    assert.equal(await send(), 'pass_flow');
    assert(said[0]?.kind === 'flow' && said[0].flow.verdict === 'alert');
  });

  it('a SYN behind a verdict begins another connection', async () => {
    await run(packetGuest({ words: record(recordKind.passFlow) }));
    await send({ flags: 'S' });
    assert.equal(await send(), 'pass_flow');
    await run(packetGuest({ words: record(recordKind.dropFlow) }));
    assert.equal(await send(), 'pass_flow');
    assert.equal(await send({ flags: 'S' }), 'pass+inspected');
    assert.equal(await send(), 'drop_flow');
  });

  it('a flow of which nothing is said passes after the last packet shown', async () => {
    await run(packetGuest({ words: [], answer: 0 }));
    const before = inspection.state?.flows.undecided ?? 0;
    for (let i = 0; i < 3; i++) assert.equal(await send(), 'pass+inspected');
    assert.equal(await send(), 'pass_flow');
    assert.equal((inspection.state?.flows.undecided ?? 0) - before, 1);
  });

  for (const [failure, expected] of [
    ['closed', 'drop_flow'],
    ['open', 'pass_flow'],
  ] as const)
    it(`a module that never ends gets its policy: ${failure}`, async () => {
      await run(packetGuest({ words: [], loops: true }), { failure, fuel: 10_000 });
      const before = inspection.state?.failures ?? 0;
      await send();
      assert.equal(await send(), expected);
      assert.equal((inspection.state?.failures ?? 0) - before, 1);
      assert(inspection.state?.lastFailure);
    });

  it('one that fails too often is off and said so once', async () => {
    await run(packetGuest({ words: [], loops: true }), { failure: 'open', fuel: 10_000 });
    for (let i = 0; i < 100 && inspection.state?.isOff === false; i++) {
      port++;
      await send();
    }
    assert.equal(inspection.state?.isOff, true);
    const quarantines = said.filter(
      (one) => one.kind === 'module-failure' && one.failure.isQuarantine,
    );
    assert.equal(quarantines.length, 1);
  });

  it('a module in quarantine gives every flow its policy', async () => {
    await run(new Uint8Array(), { off: 'too many failures' });
    await send();
    assert.equal(await send(), 'drop_flow');
  });

  it('one that cannot be leaves the one before', async () => {
    await run(packetGuest({ words: record(recordKind.dropFlow) }));
    await assert.rejects(run(Buffer.from('no module')), { code: 'MODULE_INVALID' });
    await send();
    assert.equal(await send(), 'drop_flow');
  });
});
