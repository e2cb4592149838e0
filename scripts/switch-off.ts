/**
 * Does a test notice when a stage is switched off?
 *
 *     node scripts/switch-off.ts [TEXT…]       all stages, or those whose name or file of tests holds a text
 *
 * First the tests are run as they are, and must pass. Then each stage of `stages.ts` is switched off in a
 * copy of the tree and its tests run until the first one fails. One that waits for what no longer comes is
 * ended by its time limit, and a run that does not end at all by that of the stage: a hang is noticed too.
 * A stage whose tests still pass is an island, and ends this with 1.
 */
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Stage } from './stages/stage.ts';
import { stages } from './stages.ts';

/** The tests that are run take less, each; those of whole processes take longer. */
const testMsMax = 8_000;
const processTestMsMax = 30_000;
const stageMsMax = 120_000;
/** Tests end the processes they have started when they are asked to end. */
const killAfterMs = 2_000;
/** Of the name of the test that failed, as much is printed. */
const bySize = 60;

type Result = { readonly kind: 'passed' | 'failed' | 'hung'; readonly by: string };

const root = fileURLToPath(new URL('..', import.meta.url));
const copied = [
  'src',
  'test',
  'bench',
  'scripts',
  'certs',
  'config',
  'docs',
  'wasm-rules',
  'build',
];
const texts = process.argv.slice(2);
const wanted = stages.filter(
  ({ name, tests }) =>
    texts.length === 0 || texts.some((text) => name.includes(text) || tests.includes(text)),
);
const lanes = Array.from({ length: availableParallelism() }, () =>
  mkdtempSync(join(tmpdir(), 'weir-switch-off-')),
);
process.on('exit', () => {
  for (const copy of lanes) rmSync(copy, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
for (const copy of lanes) {
  for (const name of [...copied, 'package.json', 'README.md'])
    if (existsSync(join(root, name)))
      cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
}

let failures = 0;
const asTheyAre = [...new Set(wanted.map((stage) => stage.tests))];
print(`running ${asTheyAre.length} files of tests as they are`);
await inLanes(asTheyAre, async (copy, tests) => {
  const result = await run(copy, tests);
  if (result.kind === 'passed') return;
  failures++;
  print(`${tests} does not pass as it is: ${result.by}`);
});
let done = 0;
await inLanes(wanted, async (copy, stage) => {
  const startedAt = performance.now();
  const result = await withStageOff(copy, stage, () => run(copy, stage.tests));
  if (result.kind === 'passed') failures++;
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  const count = `${++done}/${wanted.length}`;
  print(
    `${count.padStart(7)}  ${word(result)}  ${seconds.padStart(5)} s  ${stage.name.padEnd(52)} ${result.by.slice(0, bySize)}`,
  );
});
print(`${wanted.length} stages, ${failures} not noticed or not to be told`);
process.exitCode = failures === 0 ? 0 : 1;

/** Each lane has a copy of its own and takes the next item when it has done one. */
async function inLanes<T>(
  items: readonly T[],
  work: (copy: string, item: T) => Promise<void>,
): Promise<void> {
  const left = items.values();
  await Promise.all(
    lanes.map(async (copy) => {
      for (const item of left) await work(copy, item);
    }),
  );
}

function word({ kind }: Result): string {
  return { passed: 'UNNOTICED', failed: 'noticed  ', hung: 'hang     ' }[kind];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function withStageOff<T>(copy: string, stage: Stage, work: () => Promise<T>): Promise<T> {
  const path = join(copy, stage.file);
  const before = readFileSync(path, 'utf8');
  // A function, as `$` means something in a replacement.
  writeFileSync(
    path,
    before.replace(stage.from, () => stage.to),
  );
  try {
    return await work();
  } finally {
    writeFileSync(path, before);
  }
}

/** Runs tests up to the first failure, in a process group of their own. */
function run(copy: string, tests: string): Promise<Result> {
  const testMs = tests.startsWith('test/e2e/') ? processTestMsMax : testMsMax;
  const child = spawn(
    process.execPath,
    ['--test', '--test-reporter=tap', `--test-timeout=${testMs}`, tests],
    { cwd: copy, stdio: ['ignore', 'pipe', 'ignore'], detached: true },
  );
  const pid = child.pid as number;
  return new Promise((resolve) => {
    let result: Result = { kind: 'passed', by: '' };
    let output = '';
    let hasTests = false;
    const limit = setTimeout(
      () => end({ kind: 'hung', by: `after ${stageMsMax / 1_000} s` }),
      stageMsMax,
    );
    let killing: NodeJS.Timeout | undefined;
    const end = (decided: Result): void => {
      if (killing !== undefined) return;
      result = decided;
      signalGroup(pid, 'SIGTERM');
      killing = setTimeout(() => signalGroup(pid, 'SIGKILL'), killAfterMs);
    };
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      output += part;
      hasTests ||= /^ *ok /m.test(output);
      const failed = /^ *not ok \d+ - (.*)\n[\s\S]*?failureType: '(\w+)'/m.exec(output);
      if (failed === null) return;
      const [, by = '', type] = failed;
      end({ kind: type === 'testTimeoutFailure' ? 'hung' : 'failed', by });
    });
    child.on('close', (code) => {
      clearTimeout(limit);
      clearTimeout(killing);
      signalGroup(pid, 'SIGKILL');
      if (result.kind === 'passed' && (code !== 0 || !hasTests))
        result = { kind: 'failed', by: `the run ended with ${code}` };
      resolve(result);
    });
  });
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Nobody of it is left.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
