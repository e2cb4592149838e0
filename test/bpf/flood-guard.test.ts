/** The flood guard of the rates: what a flood from ever new sources may take of the table, and what is counted then. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readLost } from '#synproxy/counters.ts';
import { needsBpf } from '../support/kernel-rights.ts';
import { TestShield } from '../support/test-shield.ts';

const sources = 500;

for (const family of [4, 6] as const)
  it(`remembers so many new sources a second, lets the others pass, and counts them, IPv${family}`, {
    skip: needsBpf(),
  }, () => {
    using shield = new TestShield();
    const { maps, config, layout } = shield.shield;
    const from = (n: number) =>
      family === 4 ? `198.18.${n >> 8}.${n & 255}` : `2001:db8:${n.toString(16)}::1`;
    shield.protect(443);
    shield.flags('rate');
    // One packet an hour: who is remembered is held to it.
    const hour = 3_600n * 10n ** 9n;
    config.change({ guard_inserts: 3, packet_interval_ns: hour, packet_burst_ns: 0 });
    for (let n = 0; n < sources; n++)
      assert.deepEqual(shield.verdict({ from: from(n) }), { action: 'pass', verdict: 'pass' });
    const remembered = [...maps[`rate${family}`].entries()].length;
    const lost = Number(readLost(maps.lost, layout)['rate_insert']);
    assert.equal(remembered + lost, sources);
    assert(remembered >= 3, `${remembered} are remembered`);
    // Three a second and CPU: however slow the machine is, not all of them.
    assert(lost > 0, `${lost} are not`);
    assert.equal(shield.verdict({ from: from(0) }).verdict, 'drop_rate_packets');
  });
