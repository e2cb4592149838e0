/**
 * The lists of the packet program as the shipped edge shows them, on a wire between two network namespaces:
 * who is only watched, and what each entry has counted.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { NamespaceEdge } from '../support/namespace-edge.ts';
import { clientAddresses } from '../support/network-namespace.ts';
import { until } from '../support/until.ts';

describe('an entry of the block list in the kernel', { skip: needsNamespaces() }, () => {
  let edge: NamespaceEdge;
  before(async () => {
    edge = await NamespaceEdge.start('kernel: { xdp: generic, interface: $INTERFACE }');
  });
  after(() => edge[Symbol.asyncDispose]());

  for (const [index, range] of [
    [0, '10.77.0.0/24'],
    [1, 'fd77::/64'],
  ] as const) {
    const address = clientAddresses[index];
    it(`that only watches ${address} counts and lets in, unless ${range} is dropped`, async () => {
      const startedAt = Date.now();
      edge.weir('block', 'add', address, '--monitor');
      assert.equal(edge.ask(index), 'answered');
      assert(edge.counted('monitored') > 0);
      await until('the worker has said so', () => edge.entry(address).connections === 1);
      const watched = edge.entry(address);
      assert.equal(watched.action, 'monitor');
      assert((watched.packets ?? 0) > 2);
      const seenAt = Date.parse(watched.lastSeen ?? '');
      assert(seenAt >= startedAt - 1_000 && seenAt <= Date.now() + 1_000, 'in time of day');
      edge.weir('block', 'add', range);
      assert.equal(edge.entry(range).packets, 0);
      assert.equal(edge.entry(range).lastSeen, null);
      assert.equal(edge.ask(index), 'no answer');
      assert((edge.entry(range).packets ?? 0) > 0);
      edge.weir('block', 'add', range, '--monitor');
      assert.equal(edge.ask(index), 'answered');
      for (const target of [address, range]) edge.weir('block', 'remove', target);
    });
  }

  it('is listed in pages', () => {
    const targets = ['203.0.113.1', '203.0.113.2', '203.0.113.3'];
    for (const target of targets) edge.weir('block', 'add', target);
    type Page = { readonly entries: readonly { readonly target: string }[]; readonly next: string };
    const first = edge.weir<Page>('block', 'list', '--limit', '2');
    const second = edge.weir<Page>('block', 'list', '--after', first.next);
    assert.deepEqual(
      [...first.entries, ...second.entries].map(({ target }) => target),
      targets,
    );
    const wrong = edge.tryWeir('block', 'list', '--after', 'nonsense', '--json');
    assert.match(wrong.stdout + wrong.stderr, /is not the \\"next\\" of a page/);
    for (const target of targets) edge.weir('block', 'remove', target);
  });

  it('is one of a million and more that came by weir block import', () => {
    const file = join(edge.folder, 'list.txt');
    const lines = ['# addresses'];
    for (let n = 0; n < 1_000_000; n++)
      lines.push(`${20 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.7`);
    lines.push('', '10.77.0.1 # the client', '; ranges');
    for (let n = 0; n < 50_000; n++)
      lines.push(`2001:${((n >> 8) + 0x1000).toString(16)}:${(n & 255).toString(16)}::/48`);
    writeFileSync(file, lines.join('\n'));
    const full = edge.tryWeir('block', 'import', file, '--json');
    assert.equal(full.status, 4, full.stdout);
    assert.match(
      full.stdout,
      /room for 1000000 single IPv4 addresses.*kernel\.lists\.ipv4Addresses/,
    );
    assert.equal(edge.weir('block', 'list')['count'], 0);
    lines.splice(1, 1);
    writeFileSync(file, lines.join('\n'));
    const answer = edge.weir('block', 'import', file);
    assert.deepEqual(
      [answer['added'], answer['count'], answer['kernel']],
      [1_050_000, 1_050_000, true],
    );
    const { counters } = edge.status().shield;
    assert.deepEqual([counters?.exact, counters?.prefixes], [1_000_000, 50_000]);
    assert.equal(edge.ask(0), 'no answer');
    assert.equal(edge.ask(1), 'answered');
    edge.weir('block', 'remove', '10.77.0.1');
    assert.equal(edge.ask(0), 'answered');
    const page = edge.weir<{ entries: unknown[]; count: number }>('block', 'list');
    assert.deepEqual([page.entries.length, page.count], [1_000, 1_049_999]);
  });
});
