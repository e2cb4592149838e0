/**
 * Does a test notice when a stage is switched off?
 *
 *     node scripts/switch-off.ts [TEXT…]       all stages, or those whose name or file of tests holds a text
 *         --lanes N          so many at a time (else one a core)
 *         --patience N       time limits are so many times as long, for a machine that does other things
 *         --results FILE     a line of JSON for each stage; what stands in it as noticed is not run again
 *
 * First the tests are run as they are, and must pass. Then each stage of `stages.ts` is switched off in a
 * copy of the tree and its tests run until the first one fails. One that waits for what no longer comes is
 * ended by its time limit, and a run that does not end at all by that of the stage: a hang is noticed too, where the same
 * tests pass right after with the stage in its place; a machine that is too busy makes one as well. A stage whose tests
 * still pass is an island, and ends this with 1.
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
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
import { parseArgs } from 'node:util';
import { killMarked, markName } from './marked-processes.ts';
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
const errorSize = 200;

type Result = {
  /** `unclear`: what hung did so as it is, too. */
  readonly kind: 'passed' | 'failed' | 'hung' | 'unclear';
  /** The test that failed first. */
  readonly by: string;
  /** What it said. */
  readonly error: string;
};
/** What stands of a stage in the file of results; `asItIs` of a file of tests that passed with nothing switched off. */
type Line = Result & { readonly name: string; readonly tests: string; readonly seconds: number };

const root = fileURLToPath(new URL('..', import.meta.url));
const copied = [
  'src',
  'test',
  'bench',
  'scripts',
  'certs',
  'config',
  'docs',
  'bpf',
  'wasm-rules',
  'build',
];
const { values: options, positionals: texts } = parseArgs({
  allowPositionals: true,
  options: {
    lanes: { type: 'string', default: String(availableParallelism()) },
    patience: { type: 'string', default: '1' },
    results: { type: 'string' },
  },
});
const patience = Number(options.patience);
const known = readResults();
const wanted = stages.filter(
  ({ name, tests }) =>
    !known.has(name) &&
    (texts.length === 0 || texts.some((text) => name.includes(text) || tests.includes(text))),
);
const lanes = Array.from({ length: Number(options.lanes) }, () =>
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
const asTheyAre = [...new Set(wanted.map((stage) => stage.tests))].filter(
  (tests) => !known.has(asItIs(tests)),
);
if (known.size > 0) print(`${options.results} has ${known.size} lines that are not run again`);
print(`running ${asTheyAre.length} files of tests as they are`);
await inLanes(asTheyAre, async (copy, tests) => {
  const startedAt = performance.now();
  const result = await run(copy, tests);
  note(asItIs(tests), tests, result, startedAt);
  if (result.kind === 'passed') return;
  failures++;
  print(`${tests} does not pass as it is: ${result.by}: ${result.error}`);
});
let done = 0;
let hangs = 0;
await inLanes(wanted, async (copy, stage) => {
  const startedAt = performance.now();
  let result = await withStageOff(copy, stage, () => run(copy, stage.tests));
  if (result.kind === 'hung') {
    const asItIsNow = await run(copy, stage.tests);
    if (asItIsNow.kind === 'passed') hangs++;
    else result = { ...result, kind: 'unclear' };
  }
  if (result.kind === 'passed' || result.kind === 'unclear') failures++;
  note(stage.name, stage.tests, result, startedAt);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  const count = `${++done}/${wanted.length}`;
  print(
    `${count.padStart(7)}  ${word(result)}  ${seconds.padStart(5)} s  ${stage.name.padEnd(52)} ${result.by.slice(0, bySize)}`,
  );
});
print(
  `${wanted.length} stages, ${failures} not noticed or not to be told, ${hangs} by a time limit alone, in tests that passed as they are right after`,
);
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

function asItIs(tests: string): string {
  return `as it is: ${tests}`;
}

/** Names of what has been run and need not be again. */
function readResults(): ReadonlySet<string> {
  const { results } = options;
  if (results === undefined || !existsSync(results)) return new Set();
  const lines = readFileSync(results, 'utf8').trimEnd().split('\n');
  return new Set(
    lines
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
      .filter(({ name, tests, kind }) =>
        name === asItIs(tests) ? kind === 'passed' : kind === 'failed' || kind === 'hung',
      )
      .map(({ name }) => name),
  );
}

function note(name: string, tests: string, result: Result, startedAt: number): void {
  if (options.results === undefined) return;
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  const line: Line = { name, tests, ...result, seconds };
  appendFileSync(options.results, `${JSON.stringify(line)}\n`);
}

function word({ kind }: Result): string {
  return {
    ...{ passed: 'UNNOTICED', failed: 'noticed  ' },
    ...{ hung: 'hang     ', unclear: 'UNCLEAR  ' },
  }[kind];
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
    buildProgram(copy, stage);
    return await work();
  } finally {
    writeFileSync(path, before);
    buildProgram(copy, stage);
  }
}

/** The packet program is what its object is. Throws where the edit does not compile: it would be noticed as anything. */
function buildProgram(copy: string, { file }: Stage): void {
  if (file.startsWith('bpf/'))
    execFileSync(process.execPath, ['scripts/build-bpf.ts'], { cwd: copy });
}

/** Runs tests up to the first failure, in a process group of their own; what they started and left goes with them. */
function run(copy: string, tests: string): Promise<Result> {
  const testMs = (tests.startsWith('test/e2e/') ? processTestMsMax : testMsMax) * patience;
  const stageMs = stageMsMax * patience;
  const mark = randomUUID();
  const child = spawn(
    process.execPath,
    ['--test', '--test-reporter=tap', `--test-timeout=${testMs}`, tests],
    {
      cwd: copy,
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
      env: { ...process.env, [markName]: mark },
    },
  );
  const pid = child.pid as number;
  return new Promise((resolve) => {
    let result: Result = { kind: 'passed', by: '', error: '' };
    let output = '';
    let hasTests = false;
    const limit = setTimeout(
      () => end({ kind: 'hung', by: `after ${stageMs / 1_000} s`, error: '' }),
      stageMs,
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
      const failed =
        /^ *not ok \d+ - (.*)\n[\s\S]*?failureType: '(\w+)'\n *error: (.*)(?:\n *(.*))?/m.exec(
          output,
        );
      if (failed === null) return;
      const [, by = '', type, said = '', next = ''] = failed;
      const error = (said === '|-' ? next : said).slice(0, errorSize);
      end({ kind: type === 'testTimeoutFailure' ? 'hung' : 'failed', by, error });
    });
    child.on('close', (code) => {
      clearTimeout(limit);
      clearTimeout(killing);
      signalGroup(pid, 'SIGKILL');
      // An edge leads a group of its own, and a test that hangs does not end it.
      killMarked(mark);
      if (result.kind === 'passed' && (code !== 0 || !hasTests))
        result = { kind: 'failed', by: `the run ended with ${code}`, error: '' };
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
