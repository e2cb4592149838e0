/** The guide to a fleet, run as it stands: `weir fleet init`, a real server with what it wrote, two nodes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { consoleExamples, inTurn } from '../support/console-blocks.ts';
import { type EdgeProcess, mainFile, root, startEdgeProcess } from '../support/edge-process.ts';
import { type NatsServer, needsNats, startNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const guide = readFileSync(join(root, 'docs/guide/fleet.md'), 'utf8');
// That one has a test of its own, as it starts everything itself.
const examples = consoleExamples(guide).filter(({ command }) => !command.includes('fleet demo'));

describe('the guide to a fleet', { skip: needsNats() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-guide-'));
  let server: NatsServer;
  const edges: EdgeProcess[] = [];

  async function run(command: string): Promise<string> {
    const here = command.replace('npx weir', `${process.execPath} ${mainFile}`);
    const child = spawn('bash', ['-c', here], {
      cwd: folder,
      env: { ...process.env, WEIR_STATE: edges[0]?.state ?? '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    await once(child, 'close');
    return stdout.trim();
  }

  async function startNode(member: string): Promise<void> {
    const at = join(folder, 'fleet', member);
    // As it was written, with the port of this server and the names of this folder.
    const section = readFileSync(join(at, 'fleet.yaml'), 'utf8')
      .replace('127.0.0.1:4222', `127.0.0.1:${server.port}`)
      .replace(/: ([a-z]+\.(?:nk|key|json))/g, `: ${at}/$1`);
    edges.push(
      await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
kernel: { xdp: off }
${section}`),
    );
  }

  before(async () => {
    const [init] = examples;
    assert.ok(init !== undefined);
    assert.match(await run(init.command), init.expected);
    const config = readFileSync(join(folder, 'fleet/nats-server.conf'), 'utf8')
      .replace(/^listen: .*$/m, '')
      .replace(/^jetstream \{[^}]*\}/m, '');
    server = await startNatsServer({ config });
    for (const member of ['edge-1', 'edge-2']) await startNode(member);
    for (const edge of edges)
      await until('the other is heard of', async () => {
        const { body } = await edge.call('GET', '/api/v1/status');
        return JSON.stringify(body['fleet']).includes('"connected"');
      });
  });
  after(async () => {
    for (const edge of edges) await edge[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  it('has examples', () => assert.equal(examples.length, 8));

  for (const { command, expected, printed } of inTurn(examples.slice(1), run))
    it(`prints what it says: ${command}`, async () => assert.match(await printed(), expected));

  it('shows the section that was written', () => {
    const [, shown = ''] = /```yaml\n([\s\S]*?)```/.exec(guide) ?? [];
    assert.equal(shown, readFileSync(join(folder, 'fleet/edge-1/fleet.yaml'), 'utf8'));
  });

  it('names metrics that are counted', async () => {
    const metrics = String((await edges[0]?.call('GET', '/metrics'))?.body['text']);
    const named = [...guide.matchAll(/\| `(weir_[^`]+)`/g)].map(([, name]) => name as string);
    assert.equal(named.length, 7);
    for (const name of named) assert.match(metrics, new RegExp(`^${name}[ {]`, 'm'));
  });
});
