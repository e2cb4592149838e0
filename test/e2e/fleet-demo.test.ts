/** `weir fleet demo`: blocks that go round real processes, on a terminal and without, and nothing left of it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { consoleExamples } from '../support/console-blocks.ts';
import { mainFile, root } from '../support/edge-process.ts';
import { needsNats } from '../support/nats-server.ts';
import { needs } from '../support/needs.ts';
import { endsWithUs } from '../support/process-group.ts';
import { until } from '../support/until.ts';

const top = mkdtempSync(join(tmpdir(), 'weir-demo-'));
let folders = 0;
const newFolder = () => join(top, String(++folders));
const round =
  /^(203\.0\.113\.\d+) blocked at (\S+): refused by edge-1 after (\d+) ms, edge-2 after (\d+) ms, edge-3 after (\d+) ms$/gm;

type Run = {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<unknown[]>;
};

const start = (args: readonly string[]): Run =>
  run(process.execPath, [mainFile, 'fleet', 'demo', ...args]);

function run(file: string, args: readonly string[]): Run {
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  endsWithUs(child.pid as number);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  return { child, output: () => text, ended: once(child, 'close') };
}

/** Each member has a working directory below the demo's folder. */
const processesIn = (folder: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
    } catch {
      return false;
    }
  });

describe('weir fleet demo', { skip: needsNats() }, () => {
  after(() => rmSync(top, { recursive: true, force: true }));

  it('sends blocks round, asked for at each member in turn, and ends with nothing left', async () => {
    const folder = newFolder();
    const demo = start(['--rounds', '4', '--every', '1s', '--dir', folder]);
    assert.deepEqual(await demo.ended, [0, null], demo.output());
    const rounds = [...demo.output().matchAll(round)];
    assert.deepEqual(
      rounds.map(([, target, issuer]) => `${target} ${issuer}`),
      [
        '203.0.113.1 edge-1',
        '203.0.113.2 edge-2',
        '203.0.113.3 edge-3',
        '203.0.113.4 orchestrator',
      ],
      demo.output(),
    );
    assert.deepEqual(processesIn(folder), []);
    for (const file of ['nats-server.log', 'edge-1/edge-1.log', 'orchestrator/orchestrator.log'])
      assert.ok(existsSync(join(folder, 'fleet', file)), file);
    const log = readFileSync(join(folder, 'fleet/edge-2/edge-2.log'), 'utf8');
    assert.match(log, /"msg":"ended"/, 'it ended by itself');
  });

  it('ends on Ctrl-C with everything it started', async () => {
    const folder = newFolder();
    const demo = start(['--dir', folder, '--every', '1s']);
    await until(demo.output, () => round.test(demo.output()));
    assert.ok(
      processesIn(folder).length >= 8,
      'server, orchestrator, three edges with a worker each',
    );
    demo.child.kill('SIGINT');
    assert.deepEqual(await demo.ended, [0, null]);
    assert.match(demo.output(), /ended, with all that was started\n$/);
    assert.deepEqual(processesIn(folder), []);
  });

  it('leaves nobody behind when it is killed itself', async () => {
    const folder = newFolder();
    const demo = start(['--dir', folder]);
    await until(demo.output, () => processesIn(folder).length >= 4);
    demo.child.kill('SIGKILL');
    await until(
      () => `gone: ${processesIn(folder)}`,
      () => processesIn(folder).length === 0,
    );
  });

  it('shows members and rounds on a terminal, blocks on a key and ends on another', {
    skip: needs('script'),
  }, async () => {
    const folder = newFolder();
    const command = `${process.execPath} ${mainFile} fleet demo --every 1h --dir ${folder}`;
    const demo = run('script', ['-qec', command, '/dev/null']);
    await until(demo.output, () => demo.output().includes('203.0.113.1 blocked at'));
    assert.match(demo.output(), /edge-2 {2,}.*ready/);
    assert.match(demo.output(), /leads 3 nodes/);
    demo.child.stdin?.write('b');
    await until(demo.output, () => demo.output().includes('203.0.113.2 blocked at'));
    demo.child.stdin?.write('q');
    await demo.ended;
    assert.match(demo.output(), /ended, with all that was started/);
    assert.deepEqual(processesIn(folder), []);
  });

  it('says what to install where there is no nats-server', () => {
    const path = dirname(process.execPath);
    if (existsSync(join(path, 'nats-server'))) return;
    const { status, stderr } = spawnSync(process.execPath, [mainFile, 'fleet', 'demo'], {
      encoding: 'utf8',
      env: { PATH: path },
    });
    assert.equal(status, 1);
    assert.match(stderr, /no nats-server on PATH[\s\S]*apt-get install nats-server/);
  });

  it('prints what the guide says', async () => {
    const guide = readFileSync(join(root, 'docs/guide/fleet.md'), 'utf8');
    const [example] = consoleExamples(guide).filter(({ command }) =>
      command.includes('fleet demo'),
    );
    assert.ok(example !== undefined);
    const demo = start(example.command.split(' ').slice(4));
    await demo.ended;
    assert.match(demo.output().trim(), example.expected);
  });
});
