/**
 * Does a test notice when a stage is switched off?
 *
 *     node scripts/switch-off.ts [NAME]
 *
 * Each stage of `stages.ts` is switched off in a copy of the tree, its tests run, and must fail (or hang,
 * which their time limit ends). A stage whose tests still pass is an island, and ends this with 1.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Stage, stages } from './stages.ts';

/** The tests that are run take less; one that hangs because its stage is off ends here. */
const testMsMax = 20_000;

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
const wanted = process.argv[2];
const copy = mkdtempSync(join(tmpdir(), 'weir-switch-off-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const name of [...copied, 'package.json', 'README.md']) {
  cpSync(join(root, name), join(copy, name), { recursive: true });
}
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

const unnoticed = stages
  .filter(({ name }) => wanted === undefined || name === wanted)
  .filter((stage) => !isNoticed(stage));
process.exitCode = unnoticed.length === 0 ? 0 : 1;

function isNoticed(stage: Stage): boolean {
  const path = join(copy, stage.file);
  const before = readFileSync(path, 'utf8');
  writeFileSync(path, before.replace(stage.from, stage.to));
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--test', `--test-timeout=${testMsMax}`, stage.tests],
    { cwd: copy, encoding: 'utf8' },
  );
  writeFileSync(path, before);
  const count = (what: string) =>
    Number(new RegExp(`^. ${what} (\\d+)$`, 'm').exec(stdout)?.[1] ?? 0);
  const failed = count('fail') + count('cancelled');
  process.stdout.write(
    `${status === 0 ? 'UNNOTICED' : 'noticed  '}  ${stage.name.padEnd(40)} ${failed} tests fail\n`,
  );
  return status !== 0;
}
