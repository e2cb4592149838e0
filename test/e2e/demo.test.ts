/** `weir demo`, as `npm start` runs it: the lines it prints are pasted, and answer as it says. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildRules } from '../../scripts/build-rules.ts';
import { mainFile, root } from '../support/edge-process.ts';
import { needs } from '../support/needs.ts';

describe('weir demo', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-demo-'));
  const state = join(folder, 'state');
  const demo = spawn(
    process.execPath,
    [mainFile, 'demo', '--listen', '127.0.0.1:0', '--state', state],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: folder,
    },
  );
  const exit = once(demo, 'exit');
  let output = '';

  before(async () => {
    await buildRules({ log: () => {} });
    demo.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    while (!output.includes('Ctrl-C drains and ends.')) {
      await Promise.race([
        once(demo.stdout, 'data'),
        exit.then(() => assert.fail(`the demo ended: ${output}`)),
      ]);
    }
  });
  after(() => {
    if (demo.exitCode === null) demo.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const commands = () =>
    output
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith('curl '));
  const paste = (line: string, flags = '') => {
    const { stdout } = spawnSync('bash', ['-c', line.replace(/^curl /, `curl -s ${flags} `)], {
      encoding: 'utf8',
      cwd: folder,
    });
    return stdout;
  };

  it('prints three lines to paste', () => {
    assert.equal(commands().length, 3, output);
  });

  it('answers a normal request from the shop', { skip: needs('curl') }, () => {
    const answer = paste(commands()[0] as string, '-i');
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.match(answer, /x-request-id: /i);
  });

  it('answers the attack with 403, in JSON or HTML as asked, and counts it', {
    skip: needs('curl'),
  }, async () => {
    const problem = JSON.parse(paste(commands()[1] as string)) as {
      status: number;
      requestId: string;
    };
    assert.equal(problem.status, 403);
    assert.match(
      paste(commands()[1] as string, '-i -H "Accept: text/html"'),
      /^HTTP\/1\.1 403 [\s\S]*<h1>403 Forbidden/,
    );
    const status = JSON.parse(paste(commands()[2] as string)) as {
      state: string;
      requests: { blocked: number };
    };
    assert.equal(status.state, 'ready');
    assert.equal(status.requests.blocked, 2);
  });

  it('is found by weir status without being told where it runs', () => {
    const environment = { ...process.env };
    delete environment['WEIR_STATE'];
    const { stdout, status } = spawnSync(process.execPath, [mainFile, 'status', '--state', state], {
      encoding: 'utf8',
      env: environment,
    });
    assert.equal(status, 0);
    assert.match(stdout, /ready/);
    assert.match(stdout, /path-traversal/);
  });

  it('drains on Ctrl-C and exits with 0', async () => {
    demo.kill('SIGINT');
    const [code] = (await exit) as [number | null];
    assert.equal(code, 0);
    assert.match(output, /drained, bye/);
    assert.match(readFileSync(join(state, 'access.log'), 'utf8'), /"outcome":"blocked"/);
  });

  it('runs by npm start, and ends with 0 when Ctrl-C reaches the whole foreground group', async () => {
    const npm = spawn(
      'npm',
      ['start', '--', '--listen', '[::1]:0', '--state', join(folder, 'npm')],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true,
      },
    );
    const ended = once(npm, 'exit');
    let text = '';
    npm.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    while (!text.includes('Ctrl-C drains and ends.')) {
      await Promise.race([once(npm.stdout, 'data'), ended.then(() => assert.fail(text))]);
    }
    assert.match(text, /edge {8}https:\/\/\[::1\]:\d+/);
    process.kill(-(npm.pid ?? 0), 'SIGINT');
    assert.deepEqual(await ended, [0, null]);
  });

  it('says what holds the port when another program has it', async () => {
    const holder = net.createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    const { status, stderr } = spawnSync(
      process.execPath,
      [mainFile, 'demo', '--listen', `127.0.0.1:${port}`, '--state', join(folder, 'other')],
      { encoding: 'utf8', cwd: root },
    );
    holder.close();
    assert.equal(status, 1);
    assert.match(
      stderr,
      new RegExp(`cannot listen on 127.0.0.1:${port}.*another program has the port`),
    );
  });
});
