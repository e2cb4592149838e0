/** What the nemesis does to clocks and disks is done: else nothing that survives it has survived anything. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { needs } from '../support/needs.ts';
import { buildShim, ShimmedDisk } from '../support/nemesis-shim.ts';

/** Runs lines that say and wait: each line of input is evaluated, and what comes of it is printed. */
const evaluator = `
  const fs = require('node:fs');
  const { DatabaseSync } = require('node:sqlite');
  const state = process.env.NEMESIS_WATCH;
  require('node:readline').createInterface({ input: process.stdin })
    .on('line', (line) => console.log(JSON.stringify(eval(line) ?? null)));`;

class Shimmed implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'weir-shim-'));
  readonly disk: ShimmedDisk;
  #child: ReturnType<typeof spawn> | null = null;
  #lines: AsyncIterator<string> | null = null;

  constructor() {
    mkdirSync(join(this.#folder, 'member'));
    this.disk = new ShimmedDisk(buildShim(this.#folder), join(this.#folder, 'member'));
  }

  start(): void {
    const child = spawn(process.execPath, ['-e', evaluator], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      env: { ...process.env, ...this.disk.environment },
    });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]();
  }

  /** Undefined where it died of it. */
  async do(line: string): Promise<unknown> {
    this.#child?.stdin?.write(`${line}\n`);
    const answer = await this.#lines?.next();
    return answer?.done === true ? undefined : JSON.parse(String(answer?.value));
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
    child.kill('SIGKILL');
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true });
  }
}

describe('a process under the nemesis', { skip: needs('clang') }, () => {
  it('has its wall clock stepped while it runs, and not the monotonic one', async () => {
    await using shimmed = new Shimmed();
    shimmed.start();
    const off = async () => Number(await shimmed.do('Date.now()')) - Date.now();
    assert.ok(Math.abs(await off()) < 60_000);
    const before = Number(await shimmed.do('performance.now()'));
    shimmed.disk.step(300_000);
    assert.ok((await off()) > 240_000);
    shimmed.disk.step(-300_000);
    assert.ok((await off()) < -240_000);
    const after = Number(await shimmed.do('performance.now()'));
    assert.ok(after > before && after - before < 120_000);
  });

  it('loses what it did not sync, and the names it did not sync, and nothing else', async () => {
    await using shimmed = new Shimmed();
    const { state } = shimmed.disk;
    shimmed.start();
    await shimmed.do(
      `
      globalThis.file = fs.openSync(state + '/a', 'w');
      fs.writeSync(file, 'synced'); fs.fsyncSync(file);
      globalThis.folder = fs.openSync(state, 'r'); fs.fsyncSync(folder);
      fs.writeSync(file, ' and not'); fs.writeFileSync(state + '/b', 'no name'); 0`.replaceAll(
        '\n',
        ' ',
      ),
    );
    assert.equal(readFileSync(join(state, 'a'), 'utf8'), 'synced and not');
    await shimmed.kill();
    assert.equal(readFileSync(join(state, 'a'), 'utf8'), 'synced and not', 'a kill loses nothing');
    assert.deepEqual(
      shimmed.disk.cutPower(() => 1, 0),
      { dropped: 2, kept: 0 },
    );
    assert.equal(readFileSync(join(state, 'a'), 'utf8'), 'synced');
    assert.deepEqual(readdirSync(state), ['a']);
    assert.deepEqual(
      shimmed.disk.cutPower(() => 1, 0),
      { dropped: 0, kept: 1 },
    );
  });

  it('is cut off in the middle of a commit, which is lost, and those before are not', async () => {
    await using shimmed = new Shimmed();
    shimmed.start();
    const open = `globalThis.db = new DatabaseSync(state + '/x.db'); db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL'); 0`;
    await shimmed.do(open);
    await shimmed.do(`db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)'); 0`);
    shimmed.disk.dieAtSync(true);
    assert.equal(await shimmed.do(`db.exec('INSERT INTO t VALUES (2)'); 0`), undefined);
    await shimmed.kill();
    shimmed.disk.dieAtSync(false);
    assert.ok(shimmed.disk.cutPower(() => 1, 0).dropped > 0);
    shimmed.start();
    await shimmed.do(open);
    assert.deepEqual(await shimmed.do(`db.prepare('SELECT a FROM t').all()`), [{ a: 1 }]);
    // What a database loses that does not sync its commits: the power cut is one.
    await shimmed.do(`db.exec('PRAGMA synchronous = OFF; INSERT INTO t VALUES (3)'); 0`);
    await shimmed.kill();
    shimmed.disk.cutPower(() => 1, 0);
    shimmed.start();
    await shimmed.do(open);
    assert.deepEqual(await shimmed.do(`db.prepare('SELECT a FROM t').all()`), [{ a: 1 }]);
  });
});
