/** What is left of root's rights once the shipped edge serves. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startEdgeProcess } from '../support/edge-process.ts';
import { needsNamespace } from '../support/loopback-namespace.ts';
import { NamespaceEdge } from '../support/namespace-edge.ts';
import { needsRoot } from '../support/needs.ts';

const config = (settings: string) => `edge:
  workers: 2
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
${settings}
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]`;

/** Every thread of a process, as proc(5) has it. */
function threads(pid: number): ReadonlyMap<string, string>[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return new Map(
      text.split('\n').flatMap((line) => {
        const [name, value] = line.split(/:\s*/, 2);
        return name === undefined || value === undefined ? [] : [[name, value] as const];
      }),
    );
  });
}

/** Beside the standard descriptors. */
function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .filter((fd) => Number(fd) > 2)
    .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    .filter((target) => target.startsWith('socket:'));
}

/** 1 << 12. */
const netAdmin = '0000000000001000';
/** Debian's. */
const nobody = 65_534;
const none = '0000000000000000';

describe('an edge that root started', { skip: needsRoot() }, () => {
  it('has no capability left in any thread of any process, and no way to one', async () => {
    await using edge = await startEdgeProcess(config(''));
    const { body } = await edge.call('GET', '/api/v1/status');
    const workers = (body['workers'] as { pid: number }[]).map(({ pid }) => pid);
    assert.equal(workers.length, 2);
    for (const pid of [edge.process.pid as number, ...workers]) {
      for (const thread of threads(pid)) {
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
          assert.equal(thread.get(set), none, `${set} of ${pid}`);
        assert.equal(thread.get('NoNewPrivs'), '1');
      }
    }
  });

  for (const user of [null, 'nobody'])
    it(`keeps CAP_NET_ADMIN in its nftables agent and nowhere else${user === null ? '' : ', as another user'}`, {
      skip: needsNamespace('nft'),
    }, async () => {
      await using edge = await NamespaceEdge.start(
        'kernel: { xdp: "off", interface: $INTERFACE }',
        undefined,
        user === null ? '' : `user: ${user}`,
      );
      const { pid, workers, shield } = edge.status();
      assert.equal(shield.step, 'nftables');
      const keeper = shield.pid as number;
      const children = readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'utf8');
      const agent = Number(children);
      assert(agent > 0, 'the keeper has an agent');
      const uid = Array(4).fill(user === null ? 0 : nobody);
      for (const thread of [...threads(keeper), ...threads(agent)]) {
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
          assert.equal(thread.get(set), netAdmin, `${set} of the agent`);
        assert.equal(thread.get('NoNewPrivs'), '1');
        assert.equal(thread.get('Uid'), uid.join('\t'));
      }
      for (const one of [pid, ...workers.map((worker) => worker.pid)])
        for (const thread of threads(one))
          for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
            assert.equal(thread.get(set), none, `${set} of ${one}`);
      // What it starts has what it needs; of sockets both have the channel and the line between them, none of the node's.
      assert.equal(edge.weir('block', 'add', '198.51.100.1')['kernel'], true);
      const [ofKeeper, ofAgent] = [socketsOf(keeper), socketsOf(agent)];
      // The agent's end of the line is its standard input; it has one of its own to ask the table for hits.
      assert.deepEqual([ofKeeper.length, ofAgent.length], [2, 2]);
      assert.equal(ofAgent.filter((socket) => ofKeeper.includes(socket)).length, 1, 'the channel');
    });

  it('becomes the user it is told to, before it serves', async () => {
    await using edge = await startEdgeProcess(config('  user: nobody'), null, nobody);
    const { body } = await edge.call('GET', '/api/v1/status');
    const [worker] = body['workers'] as { pid: number }[];
    for (const pid of [edge.process.pid as number, worker?.pid as number])
      for (const thread of threads(pid)) {
        assert.equal(thread.get('Uid'), Array(4).fill(nobody).join('\t'));
        assert.equal(thread.get('Gid'), Array(4).fill(nobody).join('\t'));
        assert.equal(thread.get('CapPrm'), none);
      }
  });

  it('refuses a state directory that is not of the user it becomes, and says what mends it', async () => {
    const state = mkdtempSync(join(tmpdir(), 'weir-user-'));
    try {
      await assert.rejects(startEdgeProcess(config('  user: nobody'), state), /chown -R nobody: /);
    } finally {
      rmSync(state, { recursive: true, force: true });
    }
  });

  it('refuses a user that does not exist', async () => {
    await assert.rejects(startEdgeProcess(config('  user: no-such-user')), /useradd --system/);
  });
});
