/** A response through a module, its body cut where a test says, with the overlap the edge gives. */
import { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { type Filter, phase } from '#wasm/filter.ts';
import { responseViewOf } from './filter-exchange.ts';
import { viewOf } from './view.ts';

const overlapBytes = 256;

/** The first stop; `cuts` are places in the body, ascending. */
export function stopOfResponse(
  filter: Filter,
  body: Buffer,
  cuts: readonly number[],
): { readonly stop: Stop | null; readonly tags: ReadonlySet<string> } {
  const facts = { clientAddress: '203.0.113.7', tls: true };
  const transaction = new Transaction(viewOf({ target: '/' }), facts, 'id', '* /', 'app', false);
  transaction.response = responseViewOf(200, []);
  const run = filter.begin(transaction, () => {});
  const ends = [...cuts, body.length];
  let stop: Stop | null = null;
  let seen = 0;
  if ((filter.phases & phase.responseHead) !== 0) run.responseHead(body.length === 0);
  for (const [index, end] of ends.entries()) {
    const overlap = Math.min(overlapBytes, seen);
    const answer = run.responseBody({
      bytes: body.subarray(seen - overlap, end),
      overlap,
      position: seen,
      isFirst: index === 0,
      isLast: index === ends.length - 1,
      isWhole: ends.length === 1,
    });
    if (answer === 'wait') throw new Error('the module wants to wait');
    stop = answer;
    seen = end;
    if (stop !== null) break;
  }
  run.end();
  return { stop, tags: transaction.tags };
}
