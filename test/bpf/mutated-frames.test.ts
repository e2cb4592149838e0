/** Frames with wrong bytes in them: FRAMES=1000000 runs as many, by default a slice. The seed is printed. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type FrameTerms, frameOf, linuxSynOptions } from '../support/frames.ts';
import { needsBpf } from '../support/kernel-rights.ts';
import { randomOf } from '../support/random.ts';
import { TestShield } from '../support/test-shield.ts';

const skip = needsBpf();
const frames = Number(process.env['FRAMES'] ?? 100_000);
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

const seeds: readonly FrameTerms[] = [
  { flags: 'S', tcpOptions: linuxSynOptions },
  { flags: 'S', ipOptions: 8, vlans: [0x8100] },
  { protocol: 'udp', sport: 53, payload: 600 },
  { from: '2001:db8:2::1', flags: 'S', tcpOptions: linuxSynOptions, vlans: [0x88a8, 0x8100] },
  { from: '2001:db8:2::1', extensions: [0, 43, 60, 51], flags: 'A' },
  { from: '2001:db8:2::1', fragment: { offset: 0, more: true }, extensions: [60] },
  { from: '2001:db8:2::1', protocol: 'icmp6', icmpType: 135, hops: 255 },
];

describe('mutated frames', { skip }, () => {
  if (skip !== false) return;
  const shield = new TestShield();
  after(() => shield[Symbol.dispose]());
  shield.protect(443);
  shield.rule(0, { src: '0.0.0.0/0', dport: 443, action: 'inspect' });
  shield.rule(1, { src: '::/0', dport: 443, action: 'inspect' });
  shield.shield.config.change({
    guard_inserts: 1_000,
    inspect_packets: 12,
    packet_interval_ns: 1,
    packet_burst_ns: 1_000_000_000,
  });
  shield.flags(
    'allow',
    'exact',
    'prefix',
    'rules',
    'tcp_sanity',
    'cookies',
    'timestamps',
    'sack',
    'window_scale',
    'rate',
    'amplification',
    'events',
    'sample',
    'inspect',
  );

  it(`pass or drop, and nothing else, each counted once (${frames} frames, SEED=${seed})`, () => {
    const random = randomOf(seed);
    const below = (limit: number): number => Math.floor(random() * limit);
    const originals = seeds.map(frameOf);
    const room = Buffer.from(new ArrayBuffer(4_096));
    const before = total(shield);
    for (let i = 0; i < frames; i++) {
      const original = originals[i % originals.length] ?? Buffer.alloc(0);
      const length = below(4) === 0 ? 14 + below(original.length - 13) : original.length;
      const frame = room.subarray(0, length);
      original.copy(frame, 0, 0, length);
      for (let edits = 1 + below(6); edits > 0; edits--)
        frame[12 + below(length - 12)] = below(256);
      const { action, frame: left } = shield.run(frame);
      if ((action !== 'pass' && action !== 'drop') || !left.equals(frame))
        assert.fail(`${action} of ${frame.toString('hex')}`);
    }
    assert.equal(total(shield) - before, frames);
  });
});

/** Marks are counted besides the verdict. */
function total(shield: TestShield): number {
  const marks = new Set(['monitored', 'cookie_unavailable', 'no_listener', 'inspected']);
  return [...shield.counts()].reduce(
    (sum, [name, count]) => (marks.has(name) ? sum : sum + count),
    0,
  );
}
