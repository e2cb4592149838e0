import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isRunning, readRunFile } from '../../src/state/run-file.ts';
import { openStateDirectory } from '../../src/state/state-directory.ts';
import { until } from '../support/until.ts';

const root = mkdtempSync(join(tmpdir(), 'weir-state-'));
after(() => rmSync(root, { recursive: true }));
let made = 0;
const fresh = (): string => join(root, `s${made++}`);
const mode = (path: string): number => statSync(path).mode & 0o777;
const run = (pid: number) => ({
  pid,
  admin: '127.0.0.1:9999',
  startedAt: '2026-01-01T00:00:00Z',
  version: '0.1.0',
});

test('the first open makes a private directory with a token, the second finds it', () => {
  const path = join(fresh(), 'deep', 'er');
  const first = openStateDirectory(path);
  assert.equal(first.tokenIsNew, true);
  assert.equal(Buffer.from(first.token, 'base64url').length, 32);
  assert.equal(mode(path), 0o700);
  assert.equal(mode(join(path, 'token')), 0o600);
  assert.deepEqual(readdirSync(path), ['token']);
  const second = openStateDirectory(path);
  assert.deepEqual([second.token, second.tokenIsNew], [first.token, false]);
});

test('two directories have different tokens', () => {
  assert.notEqual(openStateDirectory(fresh()).token, openStateDirectory(fresh()).token);
});

test('a directory of its own that is open to others is closed', () => {
  const path = fresh();
  openStateDirectory(path);
  chmodSync(path, 0o755);
  chmodSync(join(path, 'token'), 0o644);
  openStateDirectory(path);
  assert.equal(mode(path), 0o700);
  assert.equal(mode(join(path, 'token')), 0o600);
});

test('a directory others use is refused and stays open', () => {
  const path = fresh();
  mkdirSync(path);
  chmodSync(path, 0o777);
  writeFileSync(join(path, 'letter.txt'), '');
  assert.throws(() => openStateDirectory(path), {
    code: 'STATE_UNUSABLE',
    message: /holds files that are not Weir's \(letter\.txt\)/,
  });
  assert.equal(mode(path), 0o777);
});

test('a file, and a link to elsewhere, are no state directory', () => {
  const file = fresh();
  writeFileSync(file, '');
  assert.throws(() => openStateDirectory(file), { code: 'STATE_UNUSABLE' });
  const target = fresh();
  mkdirSync(target, { mode: 0o700 });
  const link = fresh();
  symlinkSync(target, link);
  assert.throws(() => openStateDirectory(link), {
    code: 'STATE_UNUSABLE',
    message: /no directory of its own/,
  });
});

for (const content of ['', 'short\n', 'a'.repeat(44)]) {
  test(`a token file that holds ${JSON.stringify(content)} is refused with what to do`, () => {
    const path = fresh();
    mkdirSync(path, { mode: 0o700 });
    writeFileSync(join(path, 'token'), content);
    assert.throws(() => openStateDirectory(path), {
      code: 'STATE_UNUSABLE',
      message: /holds no token; remove it/,
    });
    assert.equal(readFileSync(join(path, 'token'), 'latin1'), content);
  });
}

test('the run file is private, readable, and goes with the edge that wrote it', () => {
  const state = openStateDirectory(fresh());
  state.writeRunFile(run(process.pid));
  assert.equal(mode(join(state.path, 'edge.json')), 0o600);
  const found = readRunFile(state.path);
  assert.ok(found !== null && isRunning(found));
  assert.equal(found.admin, '127.0.0.1:9999');
  assert.deepEqual(readdirSync(state.path).toSorted(), ['edge.json', 'token']);
  state.removeRunFile();
  assert.equal(readRunFile(state.path), null);
});

test('a directory in which a live edge runs is refused, naming its pid; a dead one leaves it free', async () => {
  const state = openStateDirectory(fresh());
  const other = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const { pid } = other;
  assert.ok(pid !== undefined);
  try {
    state.writeRunFile(run(pid));
    assert.throws(() => openStateDirectory(state.path), {
      code: 'STATE_UNUSABLE',
      message: new RegExp(`pid ${pid}\\).*weir stop`),
    });
    state.removeRunFile();
    assert.ok(existsSync(join(state.path, 'edge.json')), 'the run file of another edge stays');
  } finally {
    other.stdin.end();
    await once(other, 'exit');
  }
  assert.equal(openStateDirectory(state.path).tokenIsNew, false);
});

test('an edge that has ended and that nobody waited for leaves its directory free', async () => {
  const state = openStateDirectory(fresh());
  // The shell becomes a program that waits for no child of it; the child ends when that has happened, as the shell would.
  const child = 'while grep -q "^sh$" /proc/$PPID/comm; do :; done';
  const parent = spawn('sh', ['-c', `sh -c '${child}' & echo $!; exec sleep 60`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    const isZombie = () => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    await until('it has ended', isZombie);
    state.writeRunFile(run(pid));
    openStateDirectory(state.path);
  } finally {
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  }
});

test('a process that has the pid of a dead edge is not taken for it', () => {
  const state = openStateDirectory(fresh());
  state.writeRunFile(run(process.ppid));
  const file = join(state.path, 'edge.json');
  const written: object = JSON.parse(readFileSync(file, 'utf8'));
  assert.throws(() => openStateDirectory(state.path), { code: 'STATE_UNUSABLE' });
  writeFileSync(file, JSON.stringify({ ...written, processStart: '1' }));
  openStateDirectory(state.path);
});

for (const content of [
  '',
  '{',
  'null',
  '[]',
  '{"pid":"1"}',
  '{"pid":-1,"admin":"a","startedAt":"b","version":"c"}',
]) {
  test(`a run file that holds ${JSON.stringify(content)} is as good as none`, () => {
    const state = openStateDirectory(fresh());
    writeFileSync(join(state.path, 'edge.json'), content);
    assert.equal(readRunFile(state.path), null);
    openStateDirectory(state.path);
  });
}
