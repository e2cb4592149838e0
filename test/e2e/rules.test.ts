/** `weir rule` of the shipped command, with real packets on a wire between two network namespaces. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { clientAddresses } from '../support/network-namespace.ts';
import { endsWithUs } from '../support/process-group.ts';
import { until } from '../support/until.ts';
import { WiredNode, type WiredStatus } from '../support/wired-node.ts';

type Answer = { readonly id: number; readonly kernel: boolean; readonly version: number };
type List = {
  readonly kernel: boolean;
  readonly problem: string | null;
  readonly entries: readonly {
    readonly id: number;
    readonly hits: { readonly packets: number; readonly bytes: number } | null;
  }[];
};

const configuration = (xdp: string) => `edge:
  workers: 1
  listeners:
    - { address: "0.0.0.0:8000", plaintext: true }
    - { address: "[::]:8000", plaintext: true }
    - { address: "0.0.0.0:8001", plaintext: true }
kernel: { xdp: ${xdp}, interface: $INTERFACE }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: $STATE
`;

describe('weir rule, in the kernel', { skip: needsNamespaces() }, () => {
  let edge: WiredNode;
  const add = (...words: string[]) => edge.weir<Answer>('rule', 'add', ...words);
  const hits = (id: number) =>
    edge.weir<List>('rule', 'list').entries.find((entry) => entry.id === id)?.hits?.packets ?? -1;
  const shieldIs = (test: (status: WiredStatus) => boolean) => () => test(edge.status());

  before(async () => {
    edge = new WiredNode();
    edge.configure(configuration('native'));
    await edge.startProcess();
  });
  beforeEach(() => {
    edge.weir('rule', 'clear');
  });
  after(() => edge[Symbol.asyncDispose]());

  it('drops a port, counts what it meets, and lets it in again when it is deleted', () => {
    assert.equal(edge.ask(0, 8000), 'answered');
    const { id, kernel } = add('--port', '8000', '--proto', 'tcp', '--action', 'drop');
    assert.equal(kernel, true);
    assert.equal(edge.ask(0, 8000), 'no answer');
    assert.equal(edge.ask(1, 8000), 'no answer');
    assert.equal(edge.ask(0, 8001), 'answered');
    assert(hits(id) >= 2, 'the kernel has counted them');
    assert.equal(edge.weir('rule', 'delete', String(id))['kernel'], true);
    assert.equal(edge.ask(0, 8000), 'answered');
  });

  for (const index of [0, 1] as const)
    it(`drops the source ${clientAddresses[index]}`, () => {
      const { id } = add('--src', clientAddresses[index], '--action', 'drop');
      assert.equal(edge.ask(index, 8000), 'no answer');
      assert.equal(edge.ask(index === 0 ? 1 : 0, 8000), 'answered');
      assert(hits(id) > 0);
    });

  it('lets pass what an earlier rule lets pass, also where it came later', () => {
    const drop = add('--port', '7999-8001', '--action', 'drop');
    assert.equal(edge.ask(0, 8000), 'no answer');
    assert.equal(edge.ask(0, 8001), 'no answer');
    const pass = add('--src', '10.77.0.0/24', '--port', '8000', '--action', 'pass', '--order', '1');
    assert.equal(edge.ask(0, 8000), 'answered');
    assert.equal(edge.ask(0, 8001), 'no answer');
    assert.deepEqual(
      edge.weir<List>('rule', 'list').entries.map(({ id }) => id),
      [pass.id, drop.id],
    );
  });

  it('ends with its time', async () => {
    add('--port', '8000', '--action', 'drop', '--ttl', '2s');
    assert.equal(edge.ask(0, 8000), 'no answer');
    await until('the rule ends', () => edge.ask(0, 8000) === 'answered');
    assert.deepEqual(edge.weir<List>('rule', 'list').entries, []);
  });

  it('holds while its process is killed, and goes on counting afterwards', async () => {
    const { id } = add('--port', '8000', '--action', 'drop');
    assert.equal(edge.ask(0, 8000), 'no answer');
    const before = hits(id);
    const { pid } = edge.status().shield;
    assert(pid !== null);
    process.kill(pid, 'SIGKILL');
    assert.equal(edge.ask(0, 8000), 'no answer');
    await until(
      'another process has the maps',
      shieldIs(({ shield, rules }) => shield.pid !== null && shield.pid !== pid && rules.kernel),
    );
    assert.equal(edge.ask(0, 8000), 'no answer');
    assert(hits(id) > before, 'hits of before and after');
  });

  it('holds after an upgrade, and goes on counting', async () => {
    const { id } = add('--port', '8001', '--action', 'drop');
    assert.equal(edge.ask(0, 8001), 'no answer');
    const before = hits(id);
    endsWithUs(edge.weir<{ pid: number }>('upgrade').pid);
    await until(
      'the rules are its own',
      shieldIs(({ rules }) => rules.kernel),
    );
    assert.equal(edge.ask(0, 8001), 'no answer');
    assert(hits(id) > before);
    assert.equal(edge.ask(0, 8000), 'answered');
  });

  it('is there again when the node is stopped and started', async () => {
    add('--port', '8001', '--action', 'drop', '--reason', 'kept');
    const { version } = edge.weir<List & { version: number }>('rule', 'list');
    await edge.stopProcess();
    await edge.startProcess();
    assert.equal(edge.ask(0, 8001), 'no answer');
    const list = edge.weir<List & { version: number }>('rule', 'list');
    assert.deepEqual([list.version, list.kernel, list.entries.length], [version, true, 1]);
  });
});
