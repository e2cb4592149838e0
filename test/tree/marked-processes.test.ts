/** What a run of tests has started ends with it, also where the run was killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { killMarked, markName } from '../../scripts/marked-processes.ts';

/** Starts one that waits, in a group of its own, and says its number. */
const starter = `
  const { spawn } = require('node:child_process');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'inherit' });
  child.once('spawn', () => console.log(child.pid));
  setInterval(() => {}, 1000);
`;

test('processes of a mark are killed, orphans in groups of their own too, and no others', async () => {
  const [mark, other] = [randomUUID(), randomUUID()];
  const [ours, others] = [await start(mark), await start(other)];
  ours.process.kill('SIGKILL');
  await once(ours.process, 'exit');
  assert.equal(killMarked(mark), 1, 'the orphan');
  await ours.ended;
  assert.equal(killMarked(mark), 0);
  assert.ok(process.kill(others.orphan, 0), 'it lives');
  assert.equal(killMarked(other), 2);
  await others.ended;
});

async function start(mark: string) {
  const child = spawn(process.execPath, ['-e', starter], {
    env: { ...process.env, [markName]: mark },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // Its output is theirs together, and ends with the last of them.
  const ended = once(child.stdout, 'close');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { process: child, orphan: Number(line), ended };
}
