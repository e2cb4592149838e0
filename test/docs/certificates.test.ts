/** The guide to certificates, run as it stands against an authority on this machine. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { allProblems } from '#config/check.ts';
import { loadConfig } from '#config/load.ts';
import { AcmeServer } from '../support/acme-server.ts';
import { consoleExamples, inTurn } from '../support/console-blocks.ts';
import { type EdgeProcess, mainFile, root, startEdgeProcess } from '../support/edge-process.ts';

const page = join(root, 'docs/guide/certificates.md');
const guide = readFileSync(page, 'utf8');
const blocks = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml as string);
const [fromFiles = '', fromAcme = '', fragment = ''] = blocks;

describe('the guide to certificates', () => {
  const ports = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  let server: AcmeServer;
  let edge: EdgeProcess;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-guide-'));
    server = await AcmeServer.start({
      httpPort: ports[0]?.promise as Promise<number>,
      tlsPort: ports[1]?.promise as Promise<number>,
    });
    writeFileSync(join(folder, 'root.pem'), server.authority.root);
    edge = await startEdgeProcess(
      fromAcme
        .replace(/directory: .*/, `directory: "${server.directory}"\n  ca: ${folder}/root.pem`)
        .replaceAll(/"0\.0\.0\.0:\d+"/g, '"127.0.0.1:0"'),
    );
    for (const [index, port] of ports.entries()) port.resolve(edge.ports[index] as number);
    await edge.logged(({ msg }) => msg === 'certificate live');
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const examples = consoleExamples(guide);
  it('has examples', () => assert.deepEqual([examples.length, blocks.length], [3, 3]));

  const run = async (command: string): Promise<string> => {
    const here = command.replace('npx weir', `${process.execPath} ${mainFile}`);
    const child = spawn('bash', ['-c', here], {
      env: { ...process.env, WEIR_STATE: edge.state },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return said.trim();
  };
  for (const { command, expected, printed } of inTurn(examples, run))
    it(`prints what it says: ${command}`, async () => assert.match(await printed(), expected));

  it('shows configurations without a problem', async () => {
    const rest = fromFiles.slice(fromFiles.indexOf('upstreams:'));
    const listeners = fromAcme.slice(fromAcme.indexOf('edge:'), fromAcme.indexOf('upstreams:'));
    process.env['ACME_HMAC_KEY'] = 'c2VjcmV0LWtleQ';
    for (const [index, yaml] of [fromFiles, fromAcme, fragment + listeners + rest].entries()) {
      const file = join(edge.folder, `guide-${index}.yaml`);
      writeFileSync(file, yaml.replace('internal-root.pem', 'site.crt'));
      assert.deepEqual(await allProblems(loadConfig({ file, env: {} })), []);
    }
  });

  it('names metrics that are counted, and pages that exist', async () => {
    const metrics = String((await edge.call('GET', '/metrics')).body['text']);
    const named = [...guide.matchAll(/\| `(weir_[^`]+)`/g)].map(([, name]) => name as string);
    assert.equal(named.length, 4);
    for (const name of named) assert.ok(metrics.includes(`\n${name} `), name);
    for (const [, target] of guide.matchAll(/\]\(([^)#]+)\)/g))
      assert.ok(existsSync(join(page, '..', target ?? '')), target ?? '');
  });
});
