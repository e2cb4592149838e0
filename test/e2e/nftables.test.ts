/**
 * The step nftables of the shipped edge, on a wire between two network namespaces: where XDP is off or cannot
 * be, what `weir block` says is what happens to packets, and nothing is left behind.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { needsNamespace } from '../support/loopback-namespace.ts';
import { NamespaceEdge } from '../support/namespace-edge.ts';
import { clientAddresses } from '../support/network-namespace.ts';
import { endsWithUs } from '../support/process-group.ts';
import { until } from '../support/until.ts';
import { isAlive } from '../support/wired-node.ts';

const settings = 'kernel: { xdp: "off", interface: $INTERFACE }';
const other = 'table inet other';

describe('the step nftables', { skip: needsNamespace('nft', 'curl') }, () => {
  let edge: NamespaceEdge;

  before(async () => {
    edge = await NamespaceEdge.start(settings, (one) => {
      one.run('edge', 'nft', 'add', 'table', 'inet', 'other');
    });
  });

  after(() => edge[Symbol.asyncDispose]());

  it('is the one where XDP is off', () => {
    const { shield, degraded } = edge.status();
    assert.equal(shield.step, 'nftables');
    assert.deepEqual(degraded, []);
    assert(shield.pid !== null && isAlive(shield.pid));
    assert.match(edge.metrics(), /^weir_shield_step\{step="nftables"\} 1$/m);
    assert.match(edge.metrics(), /^weir_shield_step\{step="accept"\} 0$/m);
  });

  for (const [index, address] of clientAddresses.entries() as Iterable<[0 | 1, string]>) {
    it(`drops packets of ${address} from the moment weir block add answers, until it is removed`, () => {
      assert.equal(edge.ask(index), 'answered');
      const dropped = edge.counted('drop_exact');
      assert.equal(edge.weir('block', 'add', address)['kernel'], true);
      assert.equal(edge.ask(index), 'no answer');
      assert(edge.counted('drop_exact') > dropped, 'the kernel has counted them');
      assert.equal(edge.weir('block', 'remove', address)['kernel'], true);
      assert.equal(edge.ask(index), 'answered');
    });
  }

  it('counts what an entry drops, and says when workers met it', async () => {
    edge.weir('block', 'add', clientAddresses[0], '--monitor');
    assert.equal(edge.ask(0), 'answered');
    edge.weir('block', 'add', 'fd77::/64');
    assert.equal(edge.ask(1), 'no answer');
    edge.weir('block', 'add', '203.0.113.9');
    await until('the worker has said so', () => edge.entry(clientAddresses[0]).connections === 1);
    const watched = edge.entry(clientAddresses[0]);
    assert.equal(watched.action, 'monitor');
    assert((watched.packets ?? 0) > 0);
    assert(watched.lastSeen !== null);
    const dropped = edge.entry('fd77::/64');
    assert((dropped.packets ?? 0) > 0);
    assert.equal(dropped.connections, null);
    assert.equal(edge.entry('203.0.113.9').packets, 0);
    // Drop wins over an entry that only watches, also a more specific one.
    edge.weir('block', 'add', '10.77.0.0/24');
    assert.equal(edge.ask(0), 'no answer');
    for (const target of [clientAddresses[0], 'fd77::/64', '203.0.113.9', '10.77.0.0/24'])
      edge.weir('block', 'remove', target);
  });

  it('drops ranges, and lets them in again when their time is over', async () => {
    for (const [index, range] of [
      [0, '10.77.0.0/24'],
      [1, 'fd77::/64'],
    ] as const) {
      edge.weir('block', 'add', range, '--ttl', '2s');
      assert.equal(edge.ask(index), 'no answer');
      await until('the block ends', () => edge.ask(index) === 'answered');
    }
  });

  it('lets in whom edge.allow names, whatever is blocked, until it no longer does', () => {
    edge.allow('["10.77.0.0/28", "fd77::/64"]');
    edge.weir('reload');
    for (const index of [0, 1] as const) {
      edge.weir('block', 'add', clientAddresses[index]);
      assert.equal(edge.ask(index), 'answered');
    }
    edge.allow('[]');
    edge.weir('reload');
    for (const index of [0, 1] as const) {
      assert.equal(edge.ask(index), 'no answer');
      edge.weir('block', 'remove', clientAddresses[index]);
    }
  });

  it('is handed on when a new process takes over, with what is blocked', async () => {
    edge.weir('block', 'add', clientAddresses[0]);
    edge.weir('block', 'add', 'fd77::/64');
    const { pid, shield } = edge.status();
    const upgraded = edge.weir<{ pid: number }>('upgrade');
    endsWithUs(upgraded.pid);
    await until('the old process ends', () => !isAlive(pid));
    assert.equal(edge.ask(0), 'no answer');
    assert.equal(edge.ask(1), 'no answer');
    const now = edge.status();
    assert.equal(now.shield.step, 'nftables');
    assert.equal(now.shield.pid, shield.pid);
    assert.deepEqual(now.degraded, []);
    for (const target of [clientAddresses[0], 'fd77::/64'])
      assert.equal(edge.weir('block', 'remove', target)['kernel'], true);
    for (const index of [0, 1] as const) assert.equal(edge.ask(index), 'answered');
  });

  it('takes its table away when the node is killed, and no other', async () => {
    edge.weir('block', 'add', clientAddresses[0]);
    assert.match(edge.tables(), /table inet weir-/);
    const { pid } = edge.status();
    process.kill(pid, 'SIGKILL');
    await until('the table is gone', () => edge.tables() === other);
    await until('nothing is left of it', () => !existsSync(`/proc/${pid}`));
    await edge.startProcess();
    assert.equal(edge.ask(0), 'no answer');
    edge.weir('block', 'remove', clientAddresses[0]);
  });

  it('starts its agent again when it is killed, which fills the table anew', async () => {
    const keeper = edge.status().shield.pid as number;
    for (const [index, target] of clientAddresses.entries()) {
      edge.weir('block', 'add', target);
      const [agent] = childrenOf(keeper);
      process.kill(agent as number, 'SIGKILL');
      await until('another one is there', () => {
        const [now] = childrenOf(keeper);
        return now !== undefined && now !== agent;
      });
      await until('the table is as it was', () => edge.ask(index as 0 | 1) === 'no answer');
      await until('nothing is degraded', () => edge.status().degraded.length === 0);
      assert.equal(edge.weir('block', 'remove', target)['kernel'], true);
      assert.equal(edge.ask(index as 0 | 1), 'answered');
    }
    assert(edge.lines.some((line) => /nftables agent was killed and started again/.test(line)));
  });

  it('goes on with its agent when the keeper of that is killed, and takes the table away', async () => {
    const { pid, shield } = edge.status();
    process.kill(shield.pid as number, 'SIGKILL');
    edge.weir('block', 'add', clientAddresses[0]);
    assert.equal(edge.ask(0), 'no answer');
    edge.weir('block', 'remove', clientAddresses[0]);
    edge.weir('stop');
    await until('the node ends', () => !isAlive(pid));
    await until('the table is gone', () => edge.tables() === other);
    await edge.startProcess();
  });

  it('says what mends it when both are killed, and goes on at accept', async () => {
    const { shield } = edge.status();
    const keeper = shield.pid as number;
    const agents = childrenOf(keeper);
    for (const one of [keeper, ...agents]) process.kill(one, 'SIGKILL');
    let reason = '';
    await until('it is seen', () => {
      reason = edge.status().degraded.find(({ part }) => part === 'kernel shield')?.reason ?? '';
      return reason !== '';
    });
    assert.match(reason, /restart the node as root \(or run nft delete table inet weir-/);
    assert.equal(edge.weir('block', 'add', clientAddresses[0])['kernel'], false);
    assert.equal(edge.ask(0), 'refused');
    edge.weir('block', 'remove', clientAddresses[0]);
    assert.equal(edge.ask(0), 'answered');
  });

  it('takes the place of the table it left behind, and takes it away when the node stops', async () => {
    const { pid } = edge.status();
    edge.weir('stop');
    await until('the node ends', () => !isAlive(pid));
    assert.match(edge.tables(), /table inet weir-/);
    await edge.startProcess();
    assert.deepEqual(edge.status().degraded, []);
    const again = edge.status().pid;
    edge.weir('stop');
    await until('the node ends', () => !isAlive(again));
    await until('the table is gone', () => edge.tables() === other);
    await edge.startProcess();
  });

  it('counts what one of 30,000 entries drops', async () => {
    edge.weir('block', 'add', clientAddresses[0]);
    edge.weir('block', 'add', 'fd77::/64');
    const file = join(edge.folder, 'list.txt');
    const lines = Array.from(
      { length: 30_000 },
      (_, n) => `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`,
    );
    writeFileSync(file, lines.join('\n'));
    assert.equal(edge.weir('block', 'import', file)['kernel'], true);
    for (const index of [0, 1] as const) assert.equal(edge.ask(index), 'no answer');
    for (const target of [clientAddresses[0], 'fd77::/64'])
      assert((edge.entry(target).packets ?? 0) > 0, target);
    assert.equal(edge.entry('198.18.0.9').packets, 0);
    for (const target of [clientAddresses[0], 'fd77::/64']) edge.weir('block', 'remove', target);
    for (const index of [0, 1] as const) assert.equal(edge.ask(index), 'answered');
  });
});

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}
