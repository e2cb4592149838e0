/** A block that one node decides is in the kernel of another, which stands on a wire: its packets end there. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { mainFile } from '../support/edge-process.ts';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { NamespaceEdge } from '../support/namespace-edge.ts';
import { needsNats } from '../support/nats-server.ts';
import { NemesisProcess } from '../support/nemesis-process.ts';
import { edgeAddresses } from '../support/network-namespace.ts';
import { until } from '../support/until.ts';

const skip = needsNamespaces() || needsNats();
/** Of the host where the bus and the other node are: no node blocks the address of its bus. */
const busAddress = '10.77.0.1';
/** Further ones of that host, which are nothing but clients. */
const clients = ['10.77.0.3', 'fd77::3'] as const;

describe('a block of the fleet in the kernel', { skip }, () => {
  it('drops the packets of whom another node has blocked, and lets him in when it is taken away', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-fleet-kernel-'));
    const files = join(folder, 'fleet');
    await writeFleetFiles(files, {
      ...{ fleet: 'f', nodes: ['wired', 'other'], orchestrators: ['orchestrator'] },
      nats: { host: busAddress, port: 4222 },
    });
    const section = (id: string) =>
      `fleet: { name: f, nodeId: ${id}, nats: ["nats://${busAddress}:4222"], auth: { nkeyFile: ${files}/${id}/nats.nk }, signingKey: ${files}/${id}/signing.key, trust: ${files}/${id}/trust.json }`;
    let bus: NemesisProcess | null = null;
    let other: NemesisProcess | null = null;
    try {
      await using edge = await NamespaceEdge.start(
        `kernel: { xdp: generic, interface: $INTERFACE }\n${section('wired')}`,
        async ({ pair, wire }) => {
          const device = pair.device('client');
          for (const [address, length] of [
            [clients[0], 24],
            [clients[1], 64],
          ] as const)
            pair.run(
              'client',
              'ip',
              'addr',
              'add',
              `${address}/${length}`,
              'dev',
              device,
              ...(length === 64 ? ['nodad'] : []),
            );
          const enter = ['ip', 'netns', 'exec', wire.client];
          const config = join(folder, 'nats.conf');
          writeFileSync(
            config,
            readFileSync(join(files, 'nats-server.conf'), 'utf8').replace(
              /^jetstream \{[^}]*\}/m,
              '',
            ),
          );
          bus = new NemesisProcess({
            name: 'bus',
            command: () => [
              ...enter,
              'nats-server',
              '-c',
              config,
              '-js',
              '-sd',
              join(folder, 'store'),
            ],
            readyWords: 'Server is ready',
          });
          await bus.start();
          const state = join(folder, 'state');
          mkdirSync(state, { mode: 0o700 });
          const file = join(folder, 'other.yaml');
          writeFileSync(
            file,
            `edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
kernel: { xdp: off }
accessLog: { to: "off" }
admin: { address: "127.0.0.1:0" }
state: ${state}
${section('other')}
`,
          );
          other = new NemesisProcess({
            name: 'other',
            command: () => [...enter, process.execPath, mainFile, 'edge', '--config', file],
            readyWords: '"edge ready"',
          });
          await other.start();
        },
      );
      const weir = (...words: string[]): Record<string, unknown> => {
        const command = [mainFile, ...words, '--state', join(folder, 'state'), '--json'];
        const ended = edge.run('client', process.execPath, ...command);
        assert.equal(ended.status, 0, ended.stdout + ended.stderr);
        return JSON.parse(ended.stdout) as Record<string, unknown>;
      };
      const ask = (index: 0 | 1): number | null => {
        const host = index === 0 ? edgeAddresses[0] : `[${edgeAddresses[1]}]`;
        const words = ['-gso', '/dev/null', '--interface', clients[index], '-m', '2'];
        return edge.run('client', 'curl', ...words, `http://${host}:8000/`).status;
      };
      const connected = () => {
        const { fleet } = edge.status() as unknown as {
          readonly fleet: { readonly state: string };
        };
        return fleet.state === 'connected';
      };
      await until('connected', connected);
      for (const index of [0, 1] as const) {
        const client = clients[index];
        assert.equal(ask(index), 0, 'answered before');
        const added = weir('block', 'add', client, '--fleet', '--ttl', '1h', '--wait', '9s');
        assert.equal(added['acknowledged'], 1, JSON.stringify(added));
        assert.equal(ask(index), 28, 'no answer, not even a reset');
        const entry = edge.entry(client) as unknown as {
          scope: string;
          issuer: string;
          packets: number;
        };
        assert.deepEqual([entry.scope, entry.issuer], ['fleet', 'other']);
        assert.ok(entry.packets > 0, 'the kernel has counted them');
        const gone = weir('block', 'remove', client, '--fleet', '--wait', '9s');
        assert.deepEqual([gone['removed'], gone['acknowledged']], [true, 1]);
        assert.equal(ask(index), 0, 'answered after');
      }
      // The address of the bus is protected: it is decided, and enforced nowhere.
      const wide = edge.run(
        'client',
        process.execPath,
        mainFile,
        'block',
        'add',
        '10.77.0.0/24',
        '--fleet',
        '--state',
        join(folder, 'state'),
      );
      assert.notEqual(wide.status, 0);
      assert.match(wide.stdout + wide.stderr, /lives by/);
      assert.equal(edge.status().shield.step, 'xdp-generic');
    } finally {
      await (other as NemesisProcess | null)?.kill();
      await (bus as NemesisProcess | null)?.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
