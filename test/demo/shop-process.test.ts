import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { call } from '../support/http-call.ts';

const entry = fileURLToPath(new URL('../../src/demo/shop-process.ts', import.meta.url));

async function start(): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(entry);
  const [message] = await once(child, 'message');
  assert.equal(typeof message.url, 'string');
  return { child, url: message.url };
}

const endings = [
  { name: 'when its parent lets go', end: (child: ChildProcess) => child.disconnect() },
  { name: 'on SIGTERM', end: (child: ChildProcess) => void child.kill('SIGTERM') },
  {
    name: 'once, when asked twice',
    end: (child: ChildProcess) => {
      child.kill('SIGTERM');
      child.kill('SIGTERM');
    },
  },
];
for (const { name, end } of endings) {
  it(`serves, and ends in good order ${name}`, async () => {
    const { child, url } = await start();
    assert.equal((await call(url, 'GET', '/healthz')).status, 200);
    end(child);
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    await assert.rejects(call(url, 'GET', '/healthz'), /ECONNREFUSED/);
  });
}

it('stays through Ctrl-C while it has a parent', async () => {
  const { child, url } = await start();
  child.kill('SIGINT');
  assert.equal((await call(url, 'GET', '/healthz')).status, 200);
  child.disconnect();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
