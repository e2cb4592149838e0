/** One packet program in the place of another on a live interface: no packet is lost, and none gets by unseen. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { NamespacePair } from '../support/network-namespace.ts';

const support = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));
const datagrams = 5_000;
const port = '9000';

describe('a packet program that takes the place of another', { skip: needsNamespaces() }, () => {
  for (const mode of ['native', 'generic'] as const)
    it(`does so between two packets, in ${mode} mode`, async () => {
      await using pair = new NamespacePair();
      const node = process.execPath;
      const echo = pair.start('server', node, support('datagram-echo.ts'), 'echo', port);
      assert.equal(await echo.next(), 'listening');
      const device = pair.device('server');
      const shield = pair.start('server', node, support('swapping-shield.ts'), device, mode);
      assert.equal(await shield.next(), 'attached');
      shield.say('begin');
      const words = [support('datagram-echo.ts'), 'ask', port, '10.77.0.2', String(datagrams)];
      const asker = pair.start('client', node, ...words);
      assert.deepEqual(await asker.next(), { lost: 0 });
      const { swaps, passed } = (await shield.finish()) as { swaps: number; passed: number[] };
      const [first = 0, second = 0] = passed;
      assert.ok(swaps > 4 && first > 0 && second > 0, `${swaps} swaps, ${first} and ${second}`);
      assert.equal(first + second, datagrams);
    });
});
