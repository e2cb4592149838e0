/**
 * A guest that answers whatever numbers the test makes up, with whatever records: nothing of it reaches a
 * request but what the ABI allows.
 *
 * The guest takes its answer from the first word of the request head, and the head's bytes lie in its
 * memory as they came; so each run is one request, and no module has to be built for it.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { RequestView } from '#waf/request-view.ts';
import { fieldEditsMax, Transaction, tagsMax } from '#waf/transaction.ts';
import { matchedBytesMax, type Stop } from '#waf/verdict.ts';
import { compileFilter } from '#wasm/compile-filter.ts';
import { testLimits, testServices, testSource } from '../support/guests.ts';
import { guest } from '../support/hostile-guest.ts';
import { propertySettings } from '../support/property.ts';
import { op, words } from '../support/wasm-builder.ts';

const limits = { ...testLimits, headBytesMax: 4_096, headersMax: 20 };
const runs = 20_000;

/** Where the guest reserves its views, and where the head lies behind the table of a view without headers. */
const headAt = 4_096 + 60;
const load = [0x28, 2, 0];
const add = [0x6a];
const answering = (): Uint8Array =>
  guest([op.local(0), op.local(0), op.const(8), add, load, add, load]);

/** Behind the answer come five records; behind them texts that are right in some places. */
const recordAt = (index: number): number => headAt + 4 + index * 56;
const recordCount = 5;
const textAt = recordAt(recordCount);
const texts = 'rule/a tag:one x-name value-of-it \r\n\0 Content-Length é bad-bot 127.0.0.1 ';

const address = fc.oneof(
  fc.nat(texts.length).map((at) => textAt + at),
  fc.nat(recordCount).map(recordAt),
  fc.constantFrom(0, 4, 65_532, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff),
);
const length = fc.oneof(
  fc.nat(12),
  fc.constantFrom(63, 64, 65, 127, 128, 129, 256, 257, 512, 513, 4_096, 4_097, 0xffff_ffff),
);
const number = fc.oneof(
  fc.nat(9),
  fc.constantFrom(399, 400, 403, 599, 600, 1_000, 1_001, 1_000_000, 1_000_001, -1, -1_000, -1_001),
  fc.integer(),
);
/** A text that most fields take: the first three of them. */
const goodText = fc.constantFrom<[number, number]>([textAt, 6], [textAt + 7, 7], [textAt + 15, 6]);
const text = fc.oneof(
  { weight: 12, arbitrary: goodText },
  { weight: 1, arbitrary: fc.tuple(address, length) },
);
/** Mostly as a record should be, so that more than its first word is looked at. */
const record = fc.tuple(
  fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 8 }) }, number),
  fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, address),
  fc.oneof({ weight: 6, arbitrary: fc.constantFrom(1, 403, 429) }, number),
  fc.oneof({ weight: 6, arbitrary: fc.constant(10) }, number),
  fc.oneof({ weight: 6, arbitrary: fc.constant(60) }, number),
  fc.constant(0),
  ...Array.from({ length: 4 }, () => text),
);
const answers = fc.tuple(
  fc.oneof({ weight: 6, arbitrary: fc.nat(recordCount - 1).map(recordAt) }, address, fc.integer()),
  fc.array(record, { minLength: recordCount, maxLength: recordCount }),
);

function transactionWith(head: Buffer): Transaction {
  const view = new RequestView(1);
  view.bytes = head;
  view.end = head.length;
  const facts = { clientAddress: '192.0.2.1', tls: false };
  return new Transaction(view, facts, 'id', 'route', 'app', false);
}

function checkStop(stop: Stop): void {
  assert.match(stop.rule, /^[\x21-\x7e]{1,128}$/);
  assert(stop.reason.length <= 512 && stop.target.length <= 128);
  assert(stop.matched.length <= matchedBytesMax);
  if (stop.kind === 'block') assert(stop.status >= 400 && stop.status <= 599);
  else if (stop.kind === 'limited') assert(stop.retryAfterSeconds > 0);
  else assert.equal(stop.kind, 'challenge');
}

function checkMarks(transaction: Transaction): void {
  assert(transaction.tags.size <= tagsMax && Math.abs(transaction.score) <= 64_000);
  for (const tag of transaction.tags) assert.match(tag, /^[a-z0-9._:/-]{1,64}$/);
  const edits = [...transaction.requestEdits, ...transaction.responseEdits];
  assert(edits.length <= 2 * fieldEditsMax);
  for (const { name, value } of edits) {
    assert.match(name, /^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/);
    assert.doesNotMatch(value, /[\r\n\0]/);
    assert.notEqual(name, 'content-length');
  }
}

it('an answer of any numbers is a valid one, or the policy for that request', (test) => {
  let failures = 0;
  const module = compileFilter(
    { ...testSource, name: 'random', bytes: answering() },
    limits,
    testServices,
    () => failures++,
  );
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(answers, ([answer, records]) => {
      const numbers = records.flatMap((item) => item.flat());
      const head = Buffer.concat([
        Buffer.from(words(answer, ...numbers)),
        Buffer.from(texts, 'latin1'),
      ]);
      const transaction = transactionWith(head);
      const failuresBefore = failures;
      const run = module.begin(transaction, () => {});
      const stop = run.requestHead(true);
      run.end();
      assert.notEqual(stop, 'wait');
      let kind = 'go on';
      if (failures !== failuresBefore) {
        assert(stop !== null && stop !== 'wait' && stop.rule === 'random/failure');
        assert.deepEqual([...transaction.tags, ...transaction.requestEdits], []);
        kind = 'failure';
      } else if (stop !== null && stop !== 'wait') {
        checkStop(stop);
        kind = stop.kind;
      }
      checkMarks(transaction);
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }),
    propertySettings(test, runs),
  );
  test.diagnostic(JSON.stringify(Object.fromEntries(seen)));
  // The generator would be worth nothing if it did not reach each of them.
  for (const kind of ['go on', 'failure', 'block', 'challenge', 'limited'])
    assert((seen.get(kind) ?? 0) > 0, `no ${kind} was seen`);
});
