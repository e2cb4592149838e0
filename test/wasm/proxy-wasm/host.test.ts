/** What a proxy-wasm module gets of the host beyond a request: calls, timers, data, metrics; and when it fails. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { fieldEditsMax, type Transaction, trailerBytesMax } from '#waf/transaction.ts';
import { status } from '#wasm/proxy-wasm/abi.ts';
import { collectedBytesMax } from '#wasm/proxy-wasm/run.ts';
import { lineChangesMax, StreamContext } from '#wasm/proxy-wasm/stream-context.ts';
import { proxyWasmGuest } from '../../support/proxy-wasm-guests.ts';
import {
  begin,
  exchange,
  type LoadOptions,
  loadProxyWasm,
  logRecord,
  responseView,
  wholeWindow,
} from '../../support/proxy-wasm-run.ts';
import { until } from '../../support/until.ts';

const load = async (name: string, options?: LoadOptions) =>
  loadProxyWasm(await proxyWasmGuest(name), options);
const header = (name: string, value: string) => ({
  headers: [
    ['Host', 'site.example'],
    [name, value],
  ] as const,
});
const contextOf = (transaction: Transaction) =>
  new StreamContext(
    9,
    transaction,
    () => {},
    0n,
    65_536,
    () => {},
  );
const values = (fields: readonly (readonly [string, string])[] | undefined, name: string) =>
  fields?.filter((field) => field[0] === name).map((field) => field[1]);

describe('an HTTP call', () => {
  /** Answers each call with this status, and says what it was asked. */
  async function authority(status: number, body: string) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      const { method, url, headers } = request;
      request.setEncoding('utf8');
      let text = '';
      request.on('data', (chunk) => (text += chunk));
      request.on('end', () => {
        asked.push(`${method} ${url} ${headers['x-path']} ${text}`);
        response.writeHead(status).end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      asked,
      options: {
        config: { text: `127.0.0.1:${port}` },
        fetch: [`http://127.0.0.1:${port}/`],
      } satisfies LoadOptions,
      [Symbol.dispose]: () => void server.close(),
    };
  }

  it('holds the request until its answer says to go on', async () => {
    using server = await authority(200, 'alice');
    const { filter, failures } = await load('http-call', server.options);
    const { stop, upstream } = await exchange(filter, { target: '/private' });
    assert.equal(stop, null);
    assert.deepEqual(values(upstream?.headers, 'x-user'), ['alice']);
    assert.deepEqual(server.asked, ['POST /check /private who is it']);
    assert.deepEqual(failures, []);
  });

  it('may end with an answer of the module', async () => {
    using server = await authority(401, 'who?');
    const { filter } = await load('http-call', server.options);
    const { stop } = await exchange(filter);
    assert.ok(stop?.kind === 'answer');
    assert.equal(stop.status, 403);
    assert.equal(stop.body.toString(), 'no: who?');
  });

  it('that comes to nothing is told as one without fields', async () => {
    const { filter } = await load('http-call', {
      config: { text: 'auth.example' },
      fetch: ['https://auth.example/'],
      call: async () => null,
    });
    const { stop } = await exchange(filter);
    assert.ok(stop?.kind === 'answer');
    assert.equal(stop.status, 504);
  });

  it('goes nowhere but where the configuration says', async () => {
    const { filter, logs } = await load('http-call', {
      config: { text: 'other.example' },
      fetch: ['https://auth.example/'],
    });
    const { stop } = await exchange(filter);
    assert.ok(stop?.kind === 'answer');
    assert.equal(stop.body.toString(), 'no call: 2');
    assert.match(logs.join('\n'), /other\.example\/check is not granted/);
  });

  it('of a request that is over changes nothing', async () => {
    const { promise, resolve } = Promise.withResolvers<null>();
    const { filter, failures } = await load('http-call', {
      config: { text: 'auth.example' },
      fetch: ['https://auth.example/'],
      call: () => promise,
    });
    const { step } = begin(filter);
    assert.equal(step.run.requestHead(true), 'wait');
    step.run.end();
    resolve(null);
    await new Promise((done) => setImmediate(done));
    assert.deepEqual(failures, []);
  });
});

it('a timer ticks until the module stops it, and what it keeps is there for requests', async () => {
  const { filter, failures } = await load('timers');
  const ticks = async () => values((await exchange(filter)).upstream?.headers, 'x-ticks')?.[0];
  await until('three ticks', async () => (await ticks()) === '3');
  filter.close();
  assert.deepEqual(failures, []);
});

it('a queue wakes the module once for each word', async () => {
  const { filter, logs } = await load('shared-data');
  await exchange(filter);
  await exchange(filter);
  await until('two words', () => logs.length >= 2);
  assert.deepEqual(logs, ['3 [INFO]: from the queue: word 1', '3 [INFO]: from the queue: word 2']);
});

it('metrics count, rise and fall, and distribute', async () => {
  const { filter, metrics } = await load('metrics');
  await exchange(filter);
  await exchange(filter);
  assert.deepEqual(Object.fromEntries(metrics), {
    'counter my_requests': 4,
    'gauge open': 0,
    'counter sizes_count': 2,
    'counter sizes_sum': 200,
  });
});

it('the country of a client is a property where a database says it', async () => {
  const { filter } = await load('geo-redirect', {
    config: { environment: { DEFAULT: '', DE: 'https://de.example.org' } },
    country: 'DE',
  });
  const { stop } = await exchange(filter, { target: '/x' });
  assert.ok(stop?.kind === 'answer');
  assert.deepEqual(stop.fields, [['location', 'https://de.example.org/x']]);
});

it('the config is JSON text where it is more than a text', async () => {
  const { filter } = await load('configured', { config: { text: 'a', more: 1 } });
  const { upstream } = await exchange(filter);
  assert.deepEqual(values(upstream?.headers, 'x-configuration'), ['{"text":"a","more":1}']);
});

describe('a module that fails', () => {
  it('costs the request its policy: closed', async () => {
    const { filter, failures } = await load('configured');
    const { stop } = await exchange(filter, header('x-do', 'trap'));
    assert.ok(stop?.kind === 'block');
    assert.equal(stop.status, 503);
    assert.match(failures.join('\n'), /trap: unreachable/);
    assert.equal((await exchange(filter)).stop, null);
  });

  it('or open', async () => {
    const { filter } = await load('configured', { failure: 'open' });
    assert.equal((await exchange(filter, header('x-do', 'trap'))).stop, null);
  });

  it('costs every request that its instance held', async () => {
    const { filter } = await load('configured');
    const other = begin(filter);
    const waiting = begin(filter, header('x-do', 'wait'));
    assert.equal(other.step.run.requestHead(true), null);
    const held = waiting.step.wait(waiting.step.run.requestHead(true));
    await exchange(filter, header('x-do', 'trap'));
    const stop = await held;
    assert.equal(stop?.kind === 'block' && stop.status, 503);
    other.transaction.response = responseView({});
    const late = other.step.run.responseHead(true);
    assert.equal(late !== null && late !== 'wait' && late.kind, 'block');
    for (const { step } of [other, waiting]) step.run.end();
  });

  for (const kind of ['spin', 'loop'])
    it(`is ended when it never ends: ${kind}`, async () => {
      const { filter, failures } = await load('configured', {
        fuel: kind === 'spin' ? 1_000_000_000 : 1_000_000,
      });
      const { stop } = await exchange(filter, header('x-do', kind));
      assert.ok(stop?.kind === 'block');
      assert.match(failures.join('\n'), kind === 'spin' ? /limit: .* host calls/ : /fuel: /);
    });

  it('is refused at load when it does not take its config', async () => {
    await assert.rejects(load('configured', { config: { text: 'refuse me' } }), {
      code: 'MODULE_INVALID',
      message: /proxy_on_configure answered false/,
    });
  });
});

describe('a pseudo field', () => {
  for (const [name, value, why] of [
    [
      'x-authority',
      'evil.example',
      /set of :authority: a module does not change whose a message is/,
    ],
    ['x-path', '/a b', /set of :path: the URI is no path with a query/],
    ['x-path', `/${'a'.repeat(9_000)}`, /set of :path: a URI of 9001 bytes: at most 8192/],
    ['x-path', 'http://evil.example/', /set of :path: the URI is no path with a query/],
    ['x-path', '/a#b', /set of :path: the URI is no path with a query/],
    ['x-method', 'HEAD', /set of :method: GET cannot become HEAD/],
    ['x-method', 'get', /set of :method: "get" is no method/],
  ] as const)
    it(`cannot be made what no parser would take: ${name} ${value.slice(0, 24)}`, async () => {
      const { filter, logs } = await load('rewrite');
      // The SDK gives up on any status but Ok.
      assert.equal((await exchange(filter, header(name, value))).stop?.kind, 'block');
      assert.match(logs.join('\n'), why);
    });

  it('changes so often in a request', async () => {
    const { filter } = await load('rewrite');
    const { step, transaction } = begin(filter);
    step.run.requestHead(true);
    const context = contextOf(transaction);
    for (let i = 0; i < lineChangesMax; i++)
      assert.equal(context.changeLine({ uri: `/${i}` }), null);
    assert.match(context.changeLine({ uri: '/more' }) ?? '', /changed 16 times already/);
    assert.equal(context.changeLine({ uri: `/${lineChangesMax - 1}` }), null);
    step.run.end();
  });

  it('is that of the head that goes on: not after that', async () => {
    const { filter, logs } = await load('rewrite');
    const { step, transaction } = begin(filter, {
      method: 'POST',
      body: 'x',
      ...header('x-later', '1'),
    });
    step.run.requestHead(false);
    const context = contextOf(transaction);
    context.canChangeRequestHead = false;
    assert.match(context.changeLine({ uri: '/late' }) ?? '', /the head has been sent/);
    step.run.end();
    assert.deepEqual(logs, []);
  });
});

it('trailers are changed so often, and grow so far', async () => {
  const { filter } = await load('rewrite');
  const { step, transaction } = begin(filter);
  step.run.requestHead(true);
  const context = contextOf(transaction);
  const changed = (call: (add: (value: string) => number) => void) =>
    context.changedTrailers('requestTrailers', ['X-A', '1'], () =>
      call((value) => context.requestTrailers?.add('x-b', value) ?? -1),
    );
  const { ok, internalFailure } = status;
  const long = 'a'.repeat(trailerBytesMax - 7);
  const grown = changed((add) => assert.deepEqual([add(long), add('')], [ok, internalFailure]));
  assert.deepEqual(grown, ['x-a', '1', 'x-b', long]);
  changed((add) => {
    for (let i = 0; i < fieldEditsMax; i++) assert.equal(add('b'), ok);
    assert.equal(add('b'), internalFailure);
  });
  step.run.end();
});

it('what a module prints is in the log, and what it does at the end', async () => {
  const { filter, logs } = await load('configured');
  await exchange(filter, { target: '/a' }, { headers: [['Content-Type', 'text/css']] });
  assert.deepEqual(logs, ['3 [WARN]: over: /a text/css']);
});

it('the log callback sees the response of its own request, whatever came since', async () => {
  const { filter, logs } = await load('configured');
  const { transaction, step } = begin(filter, { target: '/a' });
  step.run.requestHead(true);
  transaction.response = responseView({ headers: [['Content-Type', 'text/css']] });
  step.run.responseHead(true);
  // The view is the worker's, and filled anew with each response.
  transaction.response = responseView({ headers: [['Content-Type', 'another one’s']] });
  step.run.log(logRecord(200));
  step.run.end();
  const blocked = begin(filter, { target: '/b' });
  blocked.step.run.requestHead(true);
  blocked.transaction.response = responseView({ headers: [['Content-Type', 'another one’s']] });
  blocked.step.run.log(logRecord(403));
  blocked.step.run.end();
  assert.deepEqual(logs, ['3 [WARN]: over: /a text/css', '3 [WARN]: over: /b ']);
});

it('a pause in a head lets the body be seen first, where one comes', async () => {
  const { filter } = await load('configured');
  const { step } = begin(filter, { ...header('x-do', 'wait'), method: 'POST', body: 'x' });
  assert.equal(step.run.requestHead(false), null);
  step.run.end();
});

it('a request that the host has given up on may go on', async () => {
  const { filter, failures } = await load('configured', { failure: 'open' });
  const { step, transaction } = begin(filter, header('x-do', 'wait'));
  assert.equal(step.run.requestHead(true), 'wait');
  assert.equal(filter.fail('no word from it'), null);
  transaction.response = responseView({});
  assert.equal(step.run.responseHead(true), null);
  step.run.log(logRecord(200));
  step.run.end();
  assert.equal(failures.length, 1);
});

it('a version that is replaced runs its requests to their end, and ticks no more', async (test) => {
  const guest = await proxyWasmGuest('timers');
  test.mock.timers.enable({ apis: ['setTimeout'] });
  const { filter, hostCalls, failures } = loadProxyWasm(guest);
  const kept = () => hostCalls.get('proxy_set_shared_data')?.value;
  const { step } = begin(filter);
  assert.equal(step.run.requestHead(true), null);
  test.mock.timers.tick(10);
  assert.equal(kept(), 1);
  filter.close();
  test.mock.timers.tick(100);
  step.run.log(logRecord(200));
  step.run.end();
  test.mock.timers.tick(100);
  assert.equal(kept(), 1);
  assert.deepEqual(failures, []);
});

describe('a body that the module wants whole', () => {
  const part = (bytes: number, isFirst: boolean, isLast: boolean) => ({
    ...wholeWindow('x'.repeat(bytes)),
    isFirst,
    isLast,
    isWhole: false,
    position: isFirst ? 0 : bytes,
  });

  it('is refused where it is longer than is held', async () => {
    const { filter } = await load('body');
    const { step } = begin(filter, { method: 'POST', body: 'x' });
    assert.equal(step.run.requestHead(false), null);
    const answer = step.run.requestBody(part(100, true, false));
    assert.ok(answer !== null && answer !== 'wait' && answer.kind === 'block');
    assert.equal(answer.status, 413);
    step.run.end();
  });

  it('passes by where the policy is open', async () => {
    const { filter, failures } = await load('body', { failure: 'open' });
    const { step } = begin(filter, { method: 'POST', body: 'x' });
    step.run.requestHead(false);
    assert.equal(step.run.requestBody(part(100, true, false)), null);
    assert.equal(step.run.requestBody(part(100, false, true)), null);
    step.run.end();
    assert.deepEqual(failures, []);
  });

  it('passes by as a response beyond what is collected', async () => {
    const { filter, logs } = await load('body');
    const { step, transaction } = begin(filter);
    step.run.requestHead(true);
    transaction.response = responseView({});
    step.run.responseHead(false);
    for (let i = 0; i < 3; i++)
      assert.equal(step.run.responseBody(part(collectedBytesMax / 2 + 1, i === 0, i === 2)), null);
    step.run.end();
    assert.match(logs.join('\n'), /a response longer than 1048576 bytes is not collected/);
  });
});
