/**
 * Started inside a namespace: two packet programs, one before the interface and the other in its place at once,
 * on and on from its first line of input to the end of that; then says how often, and how many UDP packets each
 * has let pass.
 *
 *     node test/support/swapping-shield.ts DEVICE native|generic
 */
import { readFileSync } from 'node:fs';
import { readCounters } from '#synproxy/counters.ts';
import { attachXdp, replaceProgram, type XdpMode } from '#synproxy/xdp-link.ts';
import { TestShield } from './test-shield.ts';

const [device = '', mode = 'generic'] = process.argv.slice(2);
const index = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'));
const shields = [new TestShield(), new TestShield()] as const;
const link = attachXdp(shields[0].shield.program, index, mode as XdpMode);
let swaps = 0;
const swap = () => {
  swaps++;
  replaceProgram(link, shields[swaps % 2 === 0 ? 0 : 1].shield.program);
  setImmediate(swap);
};
process.stdout.write('"attached"\n');
process.stdin.once('data', swap).on('end', () => {
  const passed = shields.map(({ shield }) =>
    readCounters(shield.maps.stats, shield.layout)
      .filter(({ verdict, protocol }) => verdict === 'pass' && protocol === 'udp')
      .reduce((sum, { packets }) => sum + packets, 0),
  );
  process.stdout.write(`${JSON.stringify({ swaps, passed })}\n`);
  process.exit(0);
});
