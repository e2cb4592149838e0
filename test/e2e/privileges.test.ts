/** What is left of root's rights once the shipped edge serves. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startEdgeProcess } from '../support/edge-process.ts';
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
