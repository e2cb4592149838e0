import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { readCounters } from '#synproxy/counters.ts';
import { frameOf } from '../support/frames.ts';
import { needsBpf } from '../support/kernel-rights.ts';
import { TestShield } from '../support/test-shield.ts';
import { verdictCases } from './verdict-cases.ts';

const skip = needsBpf();

describe('the verdict of a packet', { skip }, () => {
  if (skip !== false) return;
  const shield = new TestShield();
  after(() => shield[Symbol.dispose]());
  for (const target of ['198.51.100.7', '2001:db8:bad::1', '203.0.113.0/24', '2001:db8:f00::/48'])
    shield.list(target, 'drop');
  for (const target of ['192.0.2.3', '2001:db8:3::3', '203.0.113.3', '2001:db8:f00::3'])
    shield.list(target, 'monitor');
  for (const target of ['203.0.113.128/25', '2001:db8:f00:a::/64']) shield.list(target, 'allow');
  for (const src of ['192.0.4.0/24', '2001:db8:4::/48']) {
    shield.rule(0, { src, dport: 8_080, action: 'pass' });
    shield.rule(64, { src, dport: 8_080, action: 'drop' });
    shield.rule(255, { src, dport: 80, action: 'drop' });
  }
  for (const src of ['0.0.0.0/0', '::/0'])
    shield.rule(1, { src, dport: 444, action: 'drop', generation: 1 });
  shield.protect(443, 444);
  shield.flags(
    'allow',
    'exact',
    'prefix',
    'fragments_drop',
    'rules',
    'tcp_sanity',
    'cookies',
    'amplification',
  );

  for (const { name, frame, action, verdict } of verdictCases) {
    it(name, () => assert.deepEqual(shield.verdict(frame), { action, verdict }));
  }

  for (const from of ['192.0.2.1', '2001:db8:2::1'])
    it(`the bytes of a frame in several buffers count in whole, from ${from}`, () => {
      const frame = frameOf({ from, payload: 8_000 });
      const bytes = () =>
        readCounters(shield.shield.maps.stats, shield.shield.layout)
          .filter(({ verdict }) => verdict === 'pass')
          .reduce((sum, one) => sum + one.bytes, 0);
      const before = bytes();
      shield.run(frame);
      assert.equal(bytes() - before, frame.length);
    });
});
