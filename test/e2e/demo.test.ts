/** `weir demo`, as `npm start` runs it: the lines it prints are pasted, and answer as it says. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DemoProcess, startDemoProcess, untilBanner } from '../support/demo-process.ts';
import { mainFile, root } from '../support/edge-process.ts';
import { needs } from '../support/needs.ts';
import { endsWithUs } from '../support/process-group.ts';

describe('weir demo', () => {
  let demo: DemoProcess;
  before(async () => {
    demo = await startDemoProcess();
  });
  after(() => demo[Symbol.dispose]());

  const commands = () =>
    demo
      .output()
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith('curl '));
  const paste = (line: string, flags = '') => {
    const { stdout } = spawnSync('bash', ['-c', line.replace(/^curl /, `curl -s ${flags} `)], {
      encoding: 'utf8',
      cwd: demo.folder,
    });
    return stdout;
  };

  it('prints six lines to paste', () => {
    assert.equal(commands().length, 6, demo.output());
  });

  it('does not warn of the kernel shield, which a demo on the loopback has no need of', () => {
    assert.doesNotMatch(demo.log(), /kernel shield/);
  });

  it('answers a normal request from the shop', { skip: needs('curl') }, () => {
    const answer = paste(commands()[0] as string, '-i');
    assert.match(answer, /^HTTP\/2 200 /);
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
      /^HTTP\/2 403 [\s\S]*<h1>403 Forbidden/,
    );
    const status = JSON.parse(paste(commands()[5] as string)) as {
      state: string;
      requests: { blocked: number };
    };
    assert.equal(status.state, 'ready');
    assert.equal(status.requests.blocked, 2);
  });

  it('keeps out a country that its database of places knows', { skip: needs('curl') }, () => {
    assert.match(paste(commands()[4] as string, '-i'), /^HTTP\/2 403 /);
  });

  it('limits searches, wants JSON where it is JSON, and reads what agents send', {
    skip: needs('curl'),
  }, () => {
    const home = commands()[0] as string;
    const agent = commands()[2] as string;
    assert.match(paste(agent, '-i'), /^HTTP\/2 403 /);
    // The shop has no such page: what matters is that it was asked.
    const harmless = agent.replace('ignore all previous instructions', 'garden chairs');
    assert.match(paste(harmless, '-i'), /^HTTP\/2 404 /);
    assert.match(paste(harmless.replace('"search"', '"drop_table"'), '-i'), /^HTTP\/2 403 /);
    assert.match(paste(`${home}api/orders`, '-i -d product=1'), /^HTTP\/2 415 /);
    assert.match(paste(`${home}api/products`, '-i'), /^HTTP\/2 200 /);
    // A range of addresses for curl, asked for one after the other.
    const codes = paste(`${home}search?q=[1-12]`, '-o page.txt -w "%{http_code} "');
    assert.match(codes, /^(?:200 ){10}.*429/);
  });

  it('keeps in what the shop should not say, answers scanners 404 and completes fields', {
    skip: needs('curl'),
  }, () => {
    const home = commands()[0] as string;
    const leak = paste(`${home}debug/environment`, '-i');
    assert.match(leak, /^HTTP\/2 502 /);
    assert.doesNotMatch(leak, /canary/);
    assert.match(paste(`${home}.env`, '-i'), /^HTTP\/2 404 [\s\S]*"status":404/);
    const answer = paste(home, '-i');
    assert.match(answer, /strict-transport-security: max-age=31536000/);
    assert.match(answer, /x-frame-options: SAMEORIGIN/);
  });

  it('wants a token for the account, takes the one it made, and says who it is', {
    skip: needs('curl'),
  }, () => {
    const line = commands()[3] as string;
    const without = line.replace(/ -H .*/, '');
    let refused = paste(without, '-i');
    // Its keys are on their way from the moment the module is loaded.
    while (/^HTTP\/2 503 /.test(refused)) refused = paste(without, '-i');
    assert.match(refused, /^HTTP\/2 401 [\s\S]*www-authenticate: Bearer realm="api"/);
    assert.match(paste(line, '-i'), /^HTTP\/2 200 [\s\S]*\{"user":"ann"\}/);
    assert.match(paste(`${line.slice(0, -1)}x"`, '-i'), /^HTTP\/2 401 /);
    assert.match(paste(`${without} -H "x-user: root"`, '-i'), /^HTTP\/2 401 /);
    assert.equal(statSync(join(demo.state, 'demo/token')).mode & 0o777, 0o600);
  });

  it('is found by weir status without being told where it runs', () => {
    const environment = { ...process.env };
    delete environment['WEIR_STATE'];
    const { stdout, status } = spawnSync(
      process.execPath,
      [mainFile, 'status', '--state', demo.state],
      {
        encoding: 'utf8',
        env: environment,
      },
    );
    assert.equal(status, 0);
    assert.match(stdout, /ready/);
    assert.match(stdout, /path-traversal/);
  });

  it('drains on Ctrl-C and exits with 0', async () => {
    demo.process.kill('SIGINT');
    const [code] = await demo.exit;
    assert.equal(code, 0);
    assert.match(demo.output(), /drained, bye/);
    assert.match(readFileSync(join(demo.state, 'access.log'), 'utf8'), /"outcome":"blocked"/);
  });

  it('runs by npm start, and ends with 0 when Ctrl-C reaches the whole foreground group', async () => {
    const npm = spawn(
      'npm',
      ['start', '--', '--listen', '[::1]:0', '--state', join(demo.folder, 'npm')],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true,
      },
    );
    endsWithUs(npm.pid as number);
    const ended = once(npm, 'exit');
    let text = '';
    npm.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await untilBanner(npm, ended, () => text);
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
      [mainFile, 'demo', '--listen', `127.0.0.1:${port}`, '--state', join(demo.folder, 'other')],
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
