/** An interface that has an XDP program of somebody else: it stays, and the node says whose it is. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { NamespaceEdge } from '../support/namespace-edge.ts';
import { needs } from '../support/needs.ts';

const attachedShield = fileURLToPath(new URL('../support/attached-shield.ts', import.meta.url));
const settings = 'kernel: { interface: $INTERFACE }';

/** A program on the edge's interface, held by a link of another process. */
async function attach({ wire }: NamespaceEdge): Promise<ChildProcess> {
  const terms = { device: wire.edgeInterface, mode: 'generic', flags: [], protect: [] };
  const child = spawn(
    'ip',
    ['netns', 'exec', wire.edge, process.execPath, attachedShield, JSON.stringify(terms)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  assert(child.stdout !== null);
  await once(createInterface({ input: child.stdout }), 'line');
  return child;
}

type Shown = { readonly xdp?: { readonly prog: { readonly id: number } } };

function programOn({ wire }: NamespaceEdge): number | undefined {
  const { stdout } = spawnSync('ip', ['-n', wire.edge, '-j', 'link', 'show', wire.edgeInterface], {
    encoding: 'utf8',
  });
  return (JSON.parse(stdout) as Shown[])[0]?.xdp?.prog.id;
}

describe('an XDP program of somebody else', { skip: needsNamespaces() }, () => {
  it('held by a link is named, and stays', async () => {
    let other: ChildProcess | null = null;
    let program: number | undefined;
    await using edge = await NamespaceEdge.start(settings, async (one) => {
      other = await attach(one);
      program = programOn(one);
    });
    try {
      const { step, refused } = edge.status().shield;
      assert.equal(step, 'nftables');
      const generic = refused.find((one) => one.step === 'xdp-generic')?.reason ?? '';
      assert.match(
        generic,
        new RegExp(`EBUSY, link \\d+ with program ${program} \\(weir_shield\\)`),
      );
      assert.equal(programOn(edge), program);
    } finally {
      (other as ChildProcess | null)?.kill();
    }
  });

  it('attached without a link is named too', { skip: needs('bpftool') }, async () => {
    let other: ChildProcess | null = null;
    let program: number | undefined;
    await using edge = await NamespaceEdge.start(settings, async (one) => {
      other = await attach(one);
      program = programOn(one);
      const words = ['net', 'attach', 'xdpgeneric', 'id', String(program), 'dev'];
      // Beside the link it cannot be; the id lives on in the other attachment once the link has gone.
      const fresh = spawnSync('ip', ['netns', 'exec', one.wire.edge, 'bpftool', ...words, 'lo']);
      assert.equal(fresh.status, 0, String(fresh.stderr));
      other.kill();
      await once(other, 'exit');
      const moved = spawnSync('ip', [
        ...['netns', 'exec', one.wire.edge, 'bpftool', ...words],
        one.wire.edgeInterface,
      ]);
      assert.equal(moved.status, 0, String(moved.stderr));
    });
    const { step, refused } = edge.status().shield;
    assert.equal(step, 'nftables');
    const generic = refused.find((one) => one.step === 'xdp-generic')?.reason ?? '';
    assert.match(generic, new RegExp(`EBUSY, program ${program} \\(weir_shield\\) .*by no link`));
    assert.equal(programOn(edge), program);
  });
});
