/** What one request shows a module is gone when the next one comes, whatever the module does to keep it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestEdge } from '../support/edge.ts';
import { buildTestGuest, liveModule } from '../support/guests.ts';
import { statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

test('a tenant never gets what another one’s request said', async () => {
  const module = liveModule('rememberer', await buildTestGuest('rememberer'));
  await using origin = await RawOrigin.answering(plainAnswer);
  await using edge = await TestEdge.start({
    upstreams: { app: { servers: [{ url: origin.url }] } },
    routes: ['a', 'b'].map((name) => ({
      match: { host: `${name}.test` },
      upstream: 'app',
      waf: { rules: ['rememberer'] },
    })),
    modules: { rememberer: module },
  });
  using first = await RawClient.connect(edge.address);
  using second = await RawClient.connect(edge.address);
  // A long head, so that a short one after it would not lie over all of it.
  const secret = `X-Secret: s3cret-of-tenant-a\r\nX-Long: ${'x'.repeat(2_000)}\r\n`;
  for (let round = 1; round <= 20; round++) {
    first.send(`GET / HTTP/1.1\r\nHost: a.test\r\n${secret}\r\n`);
    second.send('GET / HTTP/1.1\r\nHost: b.test\r\n\r\n');
    const answers = [await first.responses(round), await second.responses(round)];
    assert.deepEqual(
      answers.map((all) => all.map(statusOf)),
      answers.map(() => Array.from({ length: round }, () => 200)),
    );
  }
});
