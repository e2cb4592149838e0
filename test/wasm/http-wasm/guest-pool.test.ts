/** Instances of http-wasm modules: one for each exchange at a time, and no more than there may be. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import type { FilterRun, PhaseAnswer } from '#wasm/filter.ts';
import { guestsMax, idleGuestsMax, waitersMax } from '#wasm/http-wasm/guest-pool.ts';
import type { HttpWasmModule } from '#wasm/http-wasm/http-wasm-module.ts';
import { responseViewOf, windowOf } from '../../support/filter-exchange.ts';
import { conformanceGuest, loadHttpWasm } from '../../support/http-wasm-guests.ts';
import { viewOf } from '../../support/view.ts';

let guest: Uint8Array;
before(async () => {
  guest = await conformanceGuest();
});

class Client {
  readonly transaction: Transaction;
  readonly run: FilterRun;
  readonly resumed = Promise.withResolvers<Stop | null>();

  constructor(module: HttpWasmModule, name: string) {
    const view = viewOf({ target: '/', headers: [['x-case', name]] });
    const facts = { clientAddress: '192.0.2.1', tls: false };
    this.transaction = new Transaction(view, facts, 'id', 'route', 'app', false);
    this.run = module.begin(this.transaction, (stop) => this.resumed.resolve(stop));
  }

  request(): PhaseAnswer {
    return this.run.requestHead(true);
  }

  response(): PhaseAnswer {
    this.transaction.response = responseViewOf(200, []);
    const answer = this.run.responseBody(windowOf(Buffer.from('body'), 1_000));
    this.run.end();
    return answer;
  }

  seen(): string | undefined {
    return this.transaction.responseEdits.find(({ name }) => name === 'x-seen')?.value;
  }
}

const many = (module: HttpWasmModule, count: number, name = 'response/read'): Client[] =>
  Array.from({ length: count }, () => new Client(module, name));

describe('the instances of an http-wasm module', () => {
  it('are lent to one exchange each, from its request to its response', () => {
    const { module, failures } = loadHttpWasm(guest);
    const clients = many(module, 20);
    for (const client of clients) assert.equal(client.request(), null);
    assert.deepEqual(module.pool.counts, { lent: 20, idle: 0, waiting: 0 });
    const memoryOfOne = loadHttpWasm(guest).module.memoryBytes;
    assert.ok(memoryOfOne >= 65_536);
    assert.equal(module.memoryBytes, 20 * memoryOfOne);
    // In another order, so a guest that mixed them up would be seen.
    for (const client of clients.toReversed()) {
      assert.equal(client.response(), null);
      assert.equal(client.seen(), '200  body');
    }
    assert.deepEqual(failures, []);
    assert.deepEqual(module.pool.counts, { lent: 0, idle: idleGuestsMax, waiting: 0 });
    assert.equal(module.memoryBytes, idleGuestsMax * memoryOfOne);
  });

  it('are waited for in line, when all are lent', async () => {
    const { module, failures } = loadHttpWasm(guest);
    const clients = many(module, guestsMax);
    for (const client of clients) assert.equal(client.request(), null);
    const waiting = many(module, 3);
    for (const client of waiting) assert.equal(client.request(), 'wait');
    assert.deepEqual(module.pool.counts, { lent: guestsMax, idle: 0, waiting: 3 });

    // The second one gives up; its place is the third one's.
    waiting[1]?.run.end();
    for (const client of clients.slice(0, 2)) client.response();
    assert.equal(await waiting[0]?.resumed.promise, null);
    assert.equal(await waiting[2]?.resumed.promise, null);
    for (const client of [...clients.slice(2), waiting[0], waiting[2]]) client?.response();
    assert.equal(waiting[2]?.seen(), '200  body');
    assert.deepEqual(module.pool.counts, { lent: 0, idle: idleGuestsMax, waiting: 0 });
    assert.deepEqual(failures, []);
  });

  it('that arrive after their exchange is over go to the next one', async () => {
    const { module } = loadHttpWasm(guest);
    const clients = many(module, guestsMax);
    for (const client of clients) client.request();
    const late = new Client(module, 'response/read');
    const next = new Client(module, 'response/read');
    late.request();
    next.request();
    clients[0]?.response();
    late.run.end();
    assert.equal(await next.resumed.promise, null);
    next.response();
    for (const client of clients.slice(1)) client.response();
    assert.deepEqual(module.pool.counts, { lent: 0, idle: idleGuestsMax, waiting: 0 });
  });

  it('are not waited for by more than may, and the others get the policy', () => {
    const { module, failures } = loadHttpWasm(guest);
    for (const client of many(module, guestsMax)) client.request();
    for (const client of many(module, waitersMax)) assert.equal(client.request(), 'wait');
    const answer = new Client(module, 'response/read').request();
    assert(answer !== null && answer !== 'wait' && answer.kind === 'block');
    assert.equal(answer.status, 503);
    assert.match(failures[0] ?? '', /capacity: 128 instances are in use and 1024 requests wait/);
  });

  it('are replaced after a failure, also for those who wait', async () => {
    const { module, failures } = loadHttpWasm(guest);
    const clients = many(module, guestsMax, 'response/trap');
    for (const client of clients) client.request();
    const waiting = new Client(module, 'response/read');
    assert.equal(waiting.request(), 'wait');
    const answer = clients[0]?.response();
    assert(answer !== null && answer !== 'wait' && answer?.kind === 'block');
    assert.equal(await waiting.resumed.promise, null);
    waiting.response();
    assert.equal(waiting.seen(), '200  body');
    assert.equal(failures.length, 1);
    assert.deepEqual(module.pool.counts, { lent: guestsMax - 1, idle: 1, waiting: 0 });
  });

  it('that answer themselves do not stand on each other, however many wait', async () => {
    const { module, failures } = loadHttpWasm(guest);
    const clients = many(module, guestsMax);
    for (const client of clients) client.request();
    const waiting = many(module, waitersMax, 'answer');
    for (const client of waiting) assert.equal(client.request(), 'wait');
    clients[0]?.response();
    for (const client of waiting) assert.equal((await client.resumed.promise)?.kind, 'answer');
    assert.deepEqual(failures, []);
    assert.equal(module.pool.counts.lent, guestsMax - 1);
  });

  it('survive a request that is given up before its response', () => {
    const { module, failures, logged } = loadHttpWasm(guest);
    const client = new Client(module, 'response/read');
    client.request();
    client.run.end();
    assert.deepEqual(logged, [[2, 'error after response/read']]);
    assert.deepEqual(failures, []);
    assert.deepEqual(module.pool.counts, { lent: 0, idle: 1, waiting: 0 });
  });
});
