/** The shipped `weir orchestrator`, and what commands say where there is none. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { runCliProcess } from '../support/cli-process.ts';
import { mainFile } from '../support/edge-process.ts';
import { endsWithUs } from '../support/process-group.ts';
import { until } from '../support/until.ts';

describe('weir orchestrator', () => {
  let folder: string;
  let state: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-control-'));
    state = join(folder, 'state');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('says everything that is wrong with its configuration', async () => {
    const file = join(folder, 'bad.yaml');
    writeFileSync(
      file,
      'api: { address: "0.0.0.0:3030" }\ngateway: { allow: [nowhere] }\nsate: here\nnodes: { max: 0 }\n',
    );
    const child = spawn(process.execPath, [mainFile, 'orchestrator', '--config', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    assert.equal(code, 1);
    for (const problem of [
      /bad\.yaml:1:\d+ api\.address: 0\.0\.0\.0 is not on loopback/,
      /bad\.yaml:2:\d+ gateway\.allow\[0\]: "nowhere" is no address/,
      /bad\.yaml:3:\d+ sate: .*state/,
      /nodes\.max/,
    ])
      assert.match(said, problem);
  });

  it('starts, is found by its run file, keeps its token private and ends', async () => {
    const file = join(folder, 'orchestrator.yaml');
    writeFileSync(file, `api: { address: "127.0.0.1:0" }\nstate: ${state}\n`);
    const child = spawn(process.execPath, [mainFile, 'orchestrator', '--config', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    endsWithUs(child.pid as number);
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (part) => {
      said += part;
    });
    await until(
      () => said,
      () => said.includes('orchestrator ready') && said.includes('token of the orchestrator'),
    );
    const token = readFileSync(join(state, 'token'), 'utf8').trim();
    assert.ok(said.includes(token), 'printed at the first start');
    for (const name of ['token', 'orchestrator.db', 'orchestrator.json'])
      assert.equal(statSync(join(state, name)).mode & 0o777, 0o600, name);

    const env = { WEIR_ORCHESTRATOR_STATE: state };
    const added = await runCliProcess(
      ['orchestrator', 'token', 'add', 'ci', '--role', 'read', '--json'],
      { env },
    );
    assert.equal(added.exit, 0, added.stderr);
    const tokenFile = join(folder, 'ci.token');
    writeFileSync(tokenFile, (JSON.parse(added.stdout) as { token: string }).token, {
      mode: 0o600,
    });
    const { admin } = JSON.parse(readFileSync(join(state, 'orchestrator.json'), 'utf8')) as {
      admin: string;
    };
    const named = ['--orchestrator', admin, '--token-file', tokenFile];
    const refused = await runCliProcess(['orchestrator', 'token', 'list', ...named]);
    assert.deepEqual([refused.exit, /"ci" has the role read/.test(refused.stderr)], [4, true]);
    const off = await runCliProcess(['node', 'list', ...named]);
    assert.deepEqual([off.exit, /no fleet/.test(off.stderr)], [1, true]);
    const sure = await runCliProcess(['orchestrator', 'audit', 'verify'], { env });
    assert.equal(sure.exit, 0, sure.stderr);

    const second = spawn(process.execPath, [mainFile, 'orchestrator', '--config', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [words, [code]] = await Promise.all([text(second.stderr), once(second, 'exit')]);
    assert.deepEqual([code, /an orchestrator already runs/.test(words)], [1, true]);

    child.kill('SIGTERM');
    const [ended] = await once(child, 'exit');
    assert.equal(ended, 0);
    const gone = await runCliProcess(['node', 'list'], { env });
    assert.equal(gone.exit, 3);
    assert.match(gone.stderr, /start one with "weir orchestrator --config FILE"/);
  });

  const unreachable: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['node', 'list'], 3, /no running orchestrator found/],
    [['node', 'show', 'a', '--json'], 3, /^$/],
    [['node', 'drain', 'NOT_A_NAME'], 2, /no name of a node/],
    [['node', 'terminate', 'a', '--grace', 'soon'], 2, /no span of time/],
    [['node', 'list', '--orchestrator', 'http://127.0.0.1:1'], 2, /needs --token-file/],
    [
      ['node', 'list', '--orchestrator', 'http://10.0.0.1:3030', '--token-file', 'x'],
      2,
      /no URL that a token/,
    ],
    [['fleet', 'block', 'add', '192.0.2.300'], 2, /192\.0\.2\.300/],
    [['fleet', 'block', 'add', '192.0.2.3', '--ttl', '90d'], 2, /at most 30d/],
    [['orchestrator', 'audit', 'list', '--limit', '0'], 2, /no number from 1/],
  ];
  for (const [argv, exit, says] of unreachable)
    it(`weir ${argv.join(' ')} ends with ${exit}`, async () => {
      const result = await runCliProcess(argv, {
        env: { WEIR_ORCHESTRATOR_STATE: join(folder, 'nobody') },
      });
      assert.equal(result.exit, exit, result.stderr);
      assert.match(result.stderr, says);
    });
});
