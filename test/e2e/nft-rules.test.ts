/** `weir rule` where nftables keeps addresses out: rules on the wire, changed live, counted, and gone with the node. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { needsNamespace } from '../support/loopback-namespace.ts';
import { NamespaceEdge } from '../support/namespace-edge.ts';
import { clientAddresses, edgeAddresses } from '../support/network-namespace.ts';
import { endsWithUs } from '../support/process-group.ts';
import { until } from '../support/until.ts';
import { isAlive } from '../support/wired-node.ts';

type Listed = {
  readonly kernel: boolean;
  readonly problem: string | null;
  readonly entries: readonly {
    readonly id: number;
    readonly hits: { readonly packets: number; readonly bytes: number } | null;
  }[];
};

describe('packet rules on step nftables', { skip: needsNamespace('nft', 'curl') }, () => {
  let edge: NamespaceEdge;
  const add = (...words: string[]) => {
    const answer = edge.weir<{ id: number; kernel: boolean; problem: string | null }>(
      'rule',
      'add',
      ...words,
    );
    assert.equal(answer.kernel, true);
    assert.equal(answer.problem, null);
    return answer.id;
  };
  const packets = (id: number) => {
    const { entries, kernel } = edge.weir<Listed>('rule', 'list');
    assert.equal(kernel, true);
    return entries.find((one) => one.id === id)?.hits?.packets ?? null;
  };
  const clear = () => edge.weir('rule', 'clear');

  before(async () => {
    edge = await NamespaceEdge.start('kernel: { xdp: "off", interface: $INTERFACE }');
  });

  after(() => edge[Symbol.asyncDispose]());

  for (const [index, address] of clientAddresses.entries() as Iterable<[0 | 1, string]>) {
    it(`drops by source ${address} and by destination, and counts what it drops`, () => {
      const range = address.includes(':') ? 'fd77::/64' : '10.77.0.0/24';
      for (const words of [
        ['--src', range],
        ['--dst', edgeAddresses[index]],
      ]) {
        const id = add(...words, '--port', '8000', '--proto', 'tcp', '--action', 'drop');
        assert.equal(edge.ask(index), 'no answer');
        assert.equal(edge.ask(index === 0 ? 1 : 0), 'answered');
        assert((packets(id) ?? 0) > 0);
        edge.weir('rule', 'delete', String(id));
        assert.equal(edge.ask(index), 'answered');
      }
    });
  }

  it('lets the first rule that matches decide, and goes on counting when rules change', () => {
    const drop = add('--port', '7990-8010', '--action', 'drop');
    for (const index of [0, 1] as const) assert.equal(edge.ask(index), 'no answer');
    const before = packets(drop) ?? 0;
    assert(before > 0);
    const pass = add('--src', clientAddresses[0], '--action', 'pass', '--order', '1');
    assert.equal(edge.ask(0), 'answered');
    assert.equal(edge.ask(1), 'no answer');
    assert((packets(pass) ?? 0) > 0);
    assert((packets(drop) ?? 0) > before, 'the counter went on');
    assert(edge.counted('drop_rule') > before && edge.counted('pass_rule') > 0);
    // A port outside of the range is no business of the rule.
    assert.equal(edge.ask(1, 8_011), 'refused');
    clear();
    assert.equal(edge.ask(1), 'answered');
  });

  it('tells protocols apart', () => {
    const id = add('--port', '8000', '--proto', 'udp', '--action', 'drop');
    edge.client(`
      for (const address of ${JSON.stringify(edgeAddresses)}) {
        const socket = process.getBuiltinModule('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
        for (let i = 0; i < 3; i++) await new Promise((done) => socket.send('x', 8000, address, done));
        socket.close();
      }`);
    for (const index of [0, 1] as const) assert.equal(edge.ask(index), 'answered');
    assert.equal(packets(id), 6);
    clear();
  });

  it('leaves neighbour discovery alone, so that IPv6 is there again when all is dropped no longer', () => {
    add('--proto', 'icmp6', '--action', 'drop');
    edge.run('client', 'ip', '-6', 'neigh', 'flush', 'all');
    edge.run('edge', 'ip', '-6', 'neigh', 'flush', 'all');
    assert.equal(edge.ask(1), 'answered');
    clear();
  });

  it('refuses inspect, and says what it needs', () => {
    const { status, stderr, stdout } = edge.tryWeir('rule', 'add', '--action', 'inspect');
    assert.equal(status, 4);
    assert.match(
      stdout + stderr,
      /inspect needs the packet program, and this node is on step nftables: kernel\.xdp is off; write pass or drop/,
    );
  });

  it('holds blocks beside them, and edge.allow above both', () => {
    add('--port', '8000', '--action', 'drop');
    edge.allow('["10.77.0.0/28"]');
    edge.weir('reload');
    assert.equal(edge.ask(0), 'answered');
    assert.equal(edge.ask(1), 'no answer');
    edge.allow('[]');
    edge.weir('reload');
    assert.equal(edge.ask(0), 'no answer');
    clear();
    edge.weir('block', 'add', clientAddresses[0], '--monitor');
    add('--src', clientAddresses[0], '--action', 'drop');
    assert.equal(edge.ask(0), 'no answer', 'who is only watched comes to the rules');
    edge.weir('block', 'remove', clientAddresses[0]);
    clear();
  });

  it('takes an expired rule out of the kernel', async () => {
    add('--port', '8000', '--action', 'drop', '--ttl', '2s');
    assert.equal(edge.ask(0), 'no answer');
    await until('the rule ends', () => edge.ask(0) === 'answered');
  });

  it('hands rules and their counters on when a new process takes over', async () => {
    const id = add('--port', '8000', '--action', 'drop');
    assert.equal(edge.ask(0), 'no answer');
    const before = packets(id) ?? 0;
    const { pid } = edge.status();
    const upgraded = edge.weir<{ pid: number }>('upgrade');
    endsWithUs(upgraded.pid);
    await until('the old process ends', () => !isAlive(pid));
    assert.equal(edge.ask(1), 'no answer');
    assert((packets(id) ?? 0) > before);
    const { degraded, rules } = edge.status();
    assert.deepEqual(degraded, []);
    assert.equal(rules.kernel, true);
  });

  it('leaves none behind when it is killed, and has them in force again at the next start', async () => {
    const { pid } = edge.status();
    process.kill(pid, 'SIGKILL');
    await until('the table is gone', () => edge.tables() === '');
    await edge.startProcess();
    assert.equal(edge.ask(0), 'no answer');
    assert.equal(edge.status().rules.kernel, true);
  });

  it('takes none for true whose agent is gone', async () => {
    const keeper = edge.status().shield.pid as number;
    const children = readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'utf8').trim();
    for (const one of [keeper, ...children.split(' ').map(Number)]) process.kill(one, 'SIGKILL');
    await until('it is seen', () => edge.status().degraded.length > 0);
    const { kernel, problem } = edge.status().rules;
    assert.equal(kernel, false);
    assert.match(String(problem), /the nftables table does not have them now/);
    const { pid } = edge.status();
    edge.weir('stop');
    await until('the node ends', () => !isAlive(pid));
    await edge.startProcess();
    assert.equal(edge.status().rules.kernel, true);
    clear();
    assert.equal(edge.ask(0), 'answered');
  });
});
