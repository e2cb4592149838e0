/** A real `weir demo` in a folder of its own, up to its banner. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildRules } from '../../scripts/build-rules.ts';
import { mainFile } from './edge-process.ts';
import { endsWithUs, killGroup } from './process-group.ts';

export type DemoProcess = Disposable & {
  /** Its working directory; the state directory is `.weir` in it. */
  readonly folder: string;
  readonly state: string;
  readonly process: ChildProcess;
  /** Everything printed so far. */
  output(): string;
  /** Of its log, which goes to the standard error. */
  log(): string;
  /** Code and signal, once it has ended. */
  readonly exit: Promise<[number | null, NodeJS.Signals | null]>;
};

/** Resolves when the output has the banner's last line. */
export async function untilBanner(
  demo: ChildProcess,
  exit: Promise<unknown>,
  output: () => string,
): Promise<void> {
  while (!output().includes('Ctrl-C drains and ends.')) {
    const ended = exit.then(() => assert.fail(`ended before its banner: ${output()}`));
    await Promise.race([once(demo.stdout ?? demo, 'data'), ended]);
  }
}

export async function startDemoProcess(): Promise<DemoProcess> {
  await buildRules({ log: () => {} });
  const folder = mkdtempSync(join(tmpdir(), 'weir-demo-'));
  const state = join(folder, '.weir');
  const demo = spawn(
    process.execPath,
    [mainFile, 'demo', '--listen', '127.0.0.1:0', '--state', state],
    { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder, detached: true },
  );
  const pid = demo.pid as number;
  endsWithUs(pid);
  const exit = once(demo, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  let text = '';
  demo.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  let log = '';
  demo.stderr.setEncoding('utf8').on('data', (part: string) => {
    log += part;
    process.stderr.write(part);
  });
  await untilBanner(demo, exit, () => text);
  return {
    folder,
    state,
    process: demo,
    output: () => text,
    log: () => log,
    exit,
    [Symbol.dispose]: () => {
      killGroup(pid);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
