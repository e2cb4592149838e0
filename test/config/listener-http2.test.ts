/** `edge.listeners[].http2` where it would do nothing is a mistake, and said to be one. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkListeners } from '#config/check-listeners.ts';
import type { ConfigDraft } from '#config/draft.ts';

const cases: [why: string, listener: object, problems: string[]][] = [
  ['plaintext', { plaintext: true, http2: true }, []],
  ['redirect', { redirect: 'https', http2: true }, ['edge.listeners[0].http2']],
  ['tcp', { tcp: { upstream: 'app' }, http2: false }, ['edge.listeners[0].http2']],
];

for (const [why, listener, problems] of cases) {
  it(`http2 with ${why}: ${problems.length === 0 ? 'right' : 'refused'}`, async () => {
    const said: string[] = [];
    const draft = {
      edge: { listeners: [{ address: '127.0.0.1:0', ...listener }] },
    } as ConfigDraft;
    await checkListeners(draft, 0, (path) => said.push(path));
    assert.deepEqual(said, problems);
  });
}
