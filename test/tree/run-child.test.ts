import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

const module = JSON.stringify(new URL('../../scripts/run-child.mjs', import.meta.url).href);

/** Counts the signals it gets and says so when its input ends; says `up` first. */
const counter = `
  let count = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => console.log('got', signal, ++count));
  process.stdin.on('end', () => process.exit(7)).resume();
  console.log('up');
`;

function wrapper(code: string): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
  const script = `const { runChild } = await import(${module});
    process.exitCode = await runChild(process.execPath, ['-e', ${JSON.stringify(code)}]);`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

async function nextLine(child: { stdout: NonNullable<ChildProcess['stdout']> }): Promise<string> {
  const [bytes] = await once(child.stdout, 'data');
  return String(bytes).trim();
}

for (const { code, expected } of [
  { code: 'process.exit(0)', expected: 0 },
  { code: 'process.exit(42)', expected: 42 },
  { code: "process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)", expected: 137 },
]) {
  test(`a command that does "${code}" ends the wrapper with ${expected}`, async () => {
    const [status] = await once(wrapper(code), 'exit');
    assert.equal(status, expected);
  });
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} to the wrapper alone reaches the command once, and the wrapper waits for it`, async () => {
    const child = wrapper(counter);
    assert.equal(await nextLine(child), 'up');
    child.kill(signal);
    assert.equal(await nextLine(child), `got ${signal} 1`);
    child.stdin?.end();
    const rest = text(child.stdout);
    const [status] = await once(child, 'exit');
    assert.equal(status, 7);
    assert.equal(await rest, '');
  });
}

test('a command that is not there is an error and not an exit code', async () => {
  const script = `const { runChild } = await import(${module}); await runChild('/no/such/command', []);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  assert.match(await text(child.stderr), /ENOENT/);
});
