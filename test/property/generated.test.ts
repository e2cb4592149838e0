/**
 * A slice of the long run (`bench/soak/generated-requests.ts`): generated connections through the whole data
 * plane in memory. What was inspected is what is forwarded, whole or in pieces, and nothing crashes.
 *
 * The seed is fixed and printed; `GENERATED_SEED` takes another. The run replaces `node:net` in this process,
 * so the file holds nothing else.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { GeneratedRun } from '../support/generated-run.ts';

const blocks = 20;
const connections = 1_000;

it('what rules inspected is what the origin reads and what the client sent, in any pieces', async (test) => {
  const seed = Number(process.env['GENERATED_SEED'] ?? 20_261);
  test.diagnostic(`GENERATED_SEED=${seed}`);
  await using run = await GeneratedRun.create();
  for (let block = 0; block < blocks; block++) await run.block(seed, block, connections);
  const { counts } = run;
  test.diagnostic(JSON.stringify(counts));
  assert.equal(counts.connections, blocks * connections);
  // A run in which nothing passes, nothing is blocked or nothing is refused shows nothing.
  assert.ok(counts.forwarded > counts.requests / 5, `${counts.forwarded} forwarded`);
  assert.ok(counts.blocked > 100, `${counts.blocked} blocked`);
  assert.ok(counts.refused > counts.connections / 5, `${counts.refused} refused`);
});
