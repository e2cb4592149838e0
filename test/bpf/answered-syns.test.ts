/** SYN-ACKs of the packet program, by the letter: FRAMES=1000000 runs as many, by default a slice. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';
import { needsNamespaces } from '../support/kernel-rights.ts';

const frames = Number(process.env['FRAMES'] ?? 100_000);
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const script = join(import.meta.dirname, '../support/answered-syns.ts');

it(`random SYNs are answered right, or pass or drop as they came (${frames} frames, SEED=${seed})`, {
  skip: needsNamespaces(),
}, () => {
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [
      '-n',
      'sh',
      '-c',
      'ip link set lo up && exec "$0" "$@"',
      process.execPath,
      script,
      `${frames}`,
      `${seed}`,
    ],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const counts = JSON.parse(stdout) as Record<string, number>;
  // All ways were gone.
  assert((counts['tx'] ?? 0) > frames / 3, stdout);
  assert((counts['full'] ?? 0) > frames / 20, stdout);
  assert((counts['drop'] ?? 0) > frames / 100, stdout);
  assert((counts['pass'] ?? 0) > frames / 100, stdout);
});
