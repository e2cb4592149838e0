/** What an operator sees of a fleet: who a node says it is, servers in a list, an audit log that somebody changed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { runCliProcess } from '../support/cli-process.ts';
import { startEdgeProcess } from '../support/edge-process.ts';
import { startFleet } from '../support/fleet-folder.ts';
import { needsNats } from '../support/nats-server.ts';
import { startTestOrchestrator } from '../support/orchestrator.ts';
import { until } from '../support/until.ts';

type Shown = {
  readonly addresses: readonly string[];
  readonly region: string;
  readonly tags: readonly string[];
  readonly version: string;
  readonly modules: Readonly<Record<string, string>>;
  readonly shield: string;
  readonly state: string;
  readonly admin: string;
};

describe('an operator of a fleet', { skip: needsNats() }, () => {
  it('sees who a node is, which found its server in a list, and who changed the audit log', async () => {
    await using fleet = await startFleet(['a']);
    const folder = mkdtempSync(join(tmpdir(), 'weir-operator-'));
    await using first = await startTestOrchestrator({
      folder,
      yaml: fleet.section('orchestrator'),
    });
    const weir = (...argv: string[]) =>
      runCliProcess([...argv, '--state', first.state], { cwd: folder });
    // The first of the list is not there: the next one will do.
    const section = fleet
      .section('a', ', region: eu-west, tags: [canary, small]')
      .replace('nats: [', 'nats: ["nats://127.0.0.1:1", ');
    await using edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ match: { host: "*", path: / }, upstream: app }]
waf: { rules: { bad-bot: { module: "builtin:bad-bot" } } }
kernel: { xdp: off }
${section}
`);
    const show = async (): Promise<Shown | null> => {
      const { exit, stdout } = await weir('node', 'show', 'a', '--json');
      return exit === 0 ? (JSON.parse(stdout) as Shown) : null;
    };
    await until('active', async () => (await show())?.state === 'active');
    const shown = await show();
    assert.deepEqual(shown?.addresses, [`127.0.0.1:${edge.ports[0]}`]);
    assert.deepEqual([shown?.region, shown?.tags], ['eu-west', ['canary', 'small']]);
    assert.match(shown?.version ?? '', /^\d+\.\d+/);
    assert.match(shown?.modules['bad-bot'] ?? '', /^[0-9a-f]{8,64}$/);
    assert.equal(shown?.shield, 'accept');
    assert.match(shown?.admin ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);

    const added = await weir('fleet', 'block', 'add', '192.0.2.7', '--ttl', '1h', '--wait', '9s');
    assert.match(added.stdout, /holds on 1 of 1 node/);
    const whole = await weir('orchestrator', 'audit', 'verify');
    assert.deepEqual([whole.exit, /follow from each other/.test(whole.stdout)], [0, true]);
    await first.stop();
    const database = new DatabaseSync(join(first.state, 'orchestrator.db'));
    const changed = "UPDATE audit SET detail = replace(detail, '192.0.2.7', '192.0.2.8')";
    assert.equal(database.prepare(changed).run().changes, 2);
    database.close();
    await using second = await startTestOrchestrator({ folder });
    const broken = await weir('orchestrator', 'audit', 'verify');
    assert.equal(broken.exit, 1, broken.stderr);
    assert.match(broken.stdout, /^entry 1 .*; the 0 before it are whole\n$/);
    await second.stop();
    rmSync(folder, { recursive: true, force: true });
  });
});
