/**
 * `node --run check`: types, format, lint, layers and tidiness, all at the same time. Says everything
 * that is wrong and ends with 1 if anything is.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tidy } from './tidy.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

type Outcome = { readonly name: string; readonly passed: boolean; readonly output: string };

async function run(name: string, command: string, parameters: readonly string[]): Promise<Outcome> {
  const child = spawn(join(root, 'node_modules', '.bin', command), parameters, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const parts: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => parts.push(bytes));
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  child.once('error', reject);
  child.once('close', (code) =>
    resolve({ name, passed: code === 0, output: Buffer.concat(parts).toString('utf8') }),
  );
  return promise;
}

function runTidy(): Outcome {
  const problems = tidy(root);
  return { name: 'tidy', passed: problems.length === 0, output: problems.join('\n') };
}

const outcomes = await Promise.all([
  run('types', 'tsc', ['--noEmit', '--pretty', 'false', '-p', '.']),
  run('format and lint', 'biome', [
    'check',
    '--error-on-warnings',
    '--max-diagnostics=200',
    '--colors=off',
  ]),
  runTidy(),
]);
for (const { name, passed, output } of outcomes) {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name}`);
  if (!passed) console.log(`${output.trimEnd()}\n`);
}
if (outcomes.some(({ passed }) => !passed)) process.exitCode = 1;
