/**
 * How long is it on step nftables from `weir block import` of 100,000 addresses to all of them in the kernel, what
 * does a page of the list cost with the hits of its entries, and is the first and the last of them dropped?
 *
 *     node bench/macro/nft-load.ts [--entries N]
 *
 * A node in a network namespace, made for it, with a client in another. Needs root and nft; half a minute.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NamespaceEdge } from '../../test/support/namespace-edge.ts';
import { clientAddresses } from '../../test/support/network-namespace.ts';

const { values } = parseArgs({ options: { entries: { type: 'string', default: '100000' } } });
const count = Number(values.entries);
await using edge = await NamespaceEdge.start('kernel: { xdp: "off", interface: $INTERFACE }');
const file = join(edge.folder, 'list.txt');
const filler = Array.from(
  { length: count - 1 },
  (_, n) => `${20 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.7`,
);
writeFileSync(file, [clientAddresses[0], ...filler].join('\n'));

const timed = <T>(name: string, work: () => T): T => {
  const before = performance.now();
  const result = work();
  process.stdout.write(`${name}: ${((performance.now() - before) / 1_000).toFixed(2)} s\n`);
  return result;
};
assert.equal(edge.ask(0), 'answered');
timed('node alone, as each command starts it', () => edge.run('edge', process.execPath, '-e', '0'));
const answer = timed(`weir block import of ${count}`, () => edge.weir('block', 'import', file));
assert.deepEqual([answer['added'], answer['kernel']], [count, true]);
assert.equal(edge.ask(0), 'no answer');
timed('weir block list, 1,000 entries with their hits', () => edge.weir('block', 'list'));
assert((edge.entry(clientAddresses[0]).packets ?? 0) > 0, 'hits are read back');
timed('weir block add of one more', () => edge.weir('block', 'add', '192.0.2.200'));
