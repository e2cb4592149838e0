/** What a proxy-wasm module may keep and ask for, at the bound and one beyond. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Transaction } from '#waf/transaction.ts';
import { status } from '#wasm/proxy-wasm/abi.ts';
import { BodyBuffer, changedBodyBytesMax } from '#wasm/proxy-wasm/body-buffer.ts';
import { contextsMax } from '#wasm/proxy-wasm/guest.ts';
import { GuestMetrics, guestMetricsMax } from '#wasm/proxy-wasm/guest-metrics.ts';
import { callsMax, grantedServers, grantedUrl } from '#wasm/proxy-wasm/http-call.ts';
import {
  type Pair,
  pairBytesMax,
  pairsMax,
  parsePairs,
  serialisePairs,
} from '#wasm/proxy-wasm/pairs.ts';
import {
  environmentBytesMax,
  environmentMax,
  readPluginConfig,
} from '#wasm/proxy-wasm/plugin-config.ts';
import {
  getProperty,
  ownPropertiesMax,
  ownPropertyBytesMax,
  setProperty,
} from '#wasm/proxy-wasm/properties.ts';
import {
  queueItemsMax,
  queuesMax,
  SharedData,
  sharedBytesMax,
  sharedKeyBytesMax,
  sharedKeysMax,
} from '#wasm/proxy-wasm/shared-data.ts';
import { StreamContext } from '#wasm/proxy-wasm/stream-context.ts';
import { propertySettings } from '../../support/property.ts';
import { proxyWasmGuest } from '../../support/proxy-wasm-guests.ts';
import { hostileGuest, type MadeCall } from '../../support/proxy-wasm-hostile.ts';
import { begin, exchange, loadProxyWasm } from '../../support/proxy-wasm-run.ts';
import { until } from '../../support/until.ts';
import { viewOf } from '../../support/view.ts';

const bytes = (length: number): Buffer => Buffer.alloc(length, 120);

describe('shared data', () => {
  it('takes so many keys, and values of the known ones', () => {
    const shared = new SharedData();
    for (let i = 0; i < sharedKeysMax; i++)
      assert.equal(shared.set(`k${i}`, bytes(1), 0), status.ok);
    assert.equal(shared.set('one more', bytes(1), 0), status.internalFailure);
    assert.equal(shared.set('k0', bytes(2), 0), status.ok);
  });

  it('takes so many bytes, keys included', () => {
    const shared = new SharedData();
    assert.equal(shared.set('key', bytes(sharedBytesMax - 3), 0), status.ok);
    assert.equal(shared.set('k', bytes(0), 0), status.internalFailure);
    assert.equal(shared.set('key', bytes(sharedBytesMax - 2), 0), status.internalFailure);
    assert.equal(shared.set('key', bytes(10), 0), status.ok);
    assert.equal(shared.set('k', bytes(100), 0), status.ok);
  });

  it('takes keys so long', () => {
    const shared = new SharedData();
    assert.equal(shared.set('k'.repeat(sharedKeyBytesMax), bytes(1), 0), status.ok);
    assert.equal(
      shared.set('k'.repeat(sharedKeyBytesMax + 1), bytes(1), 0),
      status.internalFailure,
    );
  });

  it('is swapped only by who has seen what is there', () => {
    const shared = new SharedData();
    assert.equal(shared.set('k', bytes(1), 7), status.casMismatch);
    shared.set('k', bytes(1), 0);
    const seen = shared.get('k')?.version ?? 0;
    assert.equal(shared.set('k', bytes(2), seen), status.ok);
    assert.equal(shared.set('k', bytes(3), seen), status.casMismatch);
    assert.equal(shared.get('k')?.bytes.length, 2);
  });

  it('has so many queues of so many items', () => {
    const shared = new SharedData();
    for (let i = 1; i <= queuesMax; i++) assert.equal(shared.registerQueue(`q${i}`), i);
    assert.equal(shared.registerQueue('one more'), 0);
    assert.equal(shared.registerQueue('q3'), 3);
    for (let i = 0; i < queueItemsMax; i++) assert.equal(shared.enqueue(1, bytes(1)), status.ok);
    assert.equal(shared.enqueue(1, bytes(1)), status.internalFailure);
    assert.ok(Buffer.isBuffer(shared.dequeue(1)));
    assert.equal(shared.enqueue(1, bytes(1)), status.ok);
    assert.equal(shared.enqueue(queuesMax + 1, bytes(1)), status.notFound);
    assert.equal(shared.dequeue(2), status.empty);
  });
});

it('a module has so many metrics', () => {
  const metrics = new GuestMetrics(() => ({ add: () => {}, set: () => {} }));
  for (let i = 1; i <= guestMetricsMax; i++) assert.equal(metrics.define('counter', `c${i}`), i);
  assert.equal(typeof metrics.define('gauge', 'one more'), 'string');
  assert.equal(metrics.define('counter', 'c7'), 7);
  assert.equal(typeof metrics.define('gauge', 'c7'), 'string');
  assert.equal(metrics.increment(7, -1), status.badArgument);
  assert.equal(metrics.increment(guestMetricsMax + 1, 1), status.notFound);
  assert.equal(metrics.record(7, 5), status.ok);
  assert.equal(metrics.record(7, 4), status.badArgument);
  assert.equal(metrics.value(7), 5);
});

describe('maps', () => {
  const field = fc.tuple(
    fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((name) => name.toLowerCase()),
    fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  );

  it('come back as they went', (test) => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 20 }), (pairs) => {
        assert.deepEqual(parsePairs(serialisePairs(pairs)), pairs);
      }),
      propertySettings(test, 300),
    );
  });

  it('are parsed or refused, whatever the bytes', (test) => {
    fc.assert(
      fc.property(
        fc.array(field, { maxLength: 5 }),
        fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
        fc.nat(200),
        (pairs, changes, cut) => {
          const serialised = serialisePairs(pairs);
          for (const [at, byte] of changes) if (at < serialised.length) serialised[at] = byte;
          const parsed = parsePairs(serialised.subarray(0, cut));
          assert.ok(parsed === null || parsed.length <= pairsMax);
        },
      ),
      propertySettings(test, 1_000),
    );
  });

  it('hold so many fields', () => {
    const fields = (count: number): Pair[] => Array.from({ length: count }, () => ['a', '']);
    assert.equal(parsePairs(serialisePairs(fields(pairsMax)))?.length, pairsMax);
    assert.equal(parsePairs(serialisePairs(fields(pairsMax + 1))), null);
    const long = (length: number): Buffer => serialisePairs([['a', 'x'.repeat(length - 15)]]);
    assert.equal(parsePairs(long(pairBytesMax))?.length, 1);
    assert.equal(parsePairs(long(pairBytesMax + 1)), null);
  });

  it('are empty as nothing or as a zero byte', () => {
    assert.deepEqual(parsePairs(Buffer.alloc(0)), []);
    assert.deepEqual(parsePairs(Buffer.from([0])), []);
    assert.deepEqual(parsePairs(Buffer.alloc(4)), []);
    assert.equal(parsePairs(Buffer.from([1])), null);
  });
});

describe('properties of a request', () => {
  const source = () => {
    const view = viewOf({ target: '/a?b', headers: [['Host', 'h.example']] });
    const transaction = new Transaction(
      view,
      { clientAddress: '192.0.2.1', tls: true },
      'id',
      'r',
      'u',
      false,
    );
    return {
      plugin: { name: 'n', rootId: 'r' },
      stream: new StreamContext(
        2,
        transaction,
        () => {},
        5n,
        65_536,
        () => {},
      ),
      lookup: () => null,
    };
  };

  it('are so many of the module’s own, and so long', () => {
    const from = source();
    for (let i = 0; i < ownPropertiesMax; i++)
      assert.equal(setProperty(`a.${i}`, bytes(1), from), null);
    assert.match(setProperty('a.more', bytes(1), from) ?? '', /as many properties/);
    assert.equal(setProperty('a.3', bytes(5), from), null);
    const other = source();
    assert.equal(setProperty('long', bytes(ownPropertyBytesMax - 4), other), null);
    assert.match(setProperty('b', bytes(1), other) ?? '', /as many properties/);
    assert.equal(setProperty('long', bytes(3), other), null);
    assert.equal(getProperty('long', other)?.length, 3);
  });

  it('have names with dots or zero bytes', () => {
    const from = source();
    assert.equal(getProperty('request\0url_path', from)?.toString(), '/a');
    assert.equal(getProperty('request.url', from)?.toString(), 'https://h.example/a?b');
    assert.equal(getProperty('request.time', from)?.readBigInt64LE(), 5n);
    assert.deepEqual(getProperty('connection.mtls', from), Buffer.from([0]));
    for (const name of [
      '',
      'request',
      'constructor',
      'request.headers.',
      'response.code',
      '__proto__',
    ])
      assert.equal(getProperty(name, from), null, name);
  });

  it('that say what a request is are not to be set', () => {
    for (const name of [
      'request\0host',
      'request.scheme',
      'plugin_name',
      'request.headers.a',
      'weir.score',
    ])
      assert.match(
        setProperty(name, bytes(1), source()) ?? '',
        /does not change whose a request is/,
      );
  });
});

it('a body grows so far', () => {
  const buffer = new BodyBuffer(bytes(10), true);
  assert.equal(buffer.splice(0xffff_ffff, 0, bytes(changedBodyBytesMax - 10)), status.ok);
  assert.equal(buffer.splice(0, 0, bytes(1)), status.internalFailure);
  assert.equal(buffer.splice(0, 1, bytes(1)), status.ok);
  assert.equal(new BodyBuffer(bytes(1), false).splice(0, 1, bytes(1)), status.unimplemented);
});

describe('a config that is taken apart', () => {
  const read = (environment: unknown) => readPluginConfig(JSON.stringify({ environment }));

  it('has so many variables of so many bytes', () => {
    const variables = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`V${i}`, '']));
    assert.equal(read(variables(environmentMax)).environment.length, environmentMax);
    assert.throws(() => read(variables(environmentMax + 1)), /more than 64 variables/);
    assert.equal(read({ A: 'x'.repeat(environmentBytesMax - 3) }).environment.length, 1);
    assert.throws(() => read({ A: 'x'.repeat(environmentBytesMax - 2) }), /65536 bytes/);
  });

  it('says what is wrong with it', () => {
    for (const environment of [{ 'A=B': '' }, { A: 1 }, { A: 'a\0b' }, [], 'text'])
      assert.throws(() => read(environment), /config\.environment/);
    assert.throws(() => readPluginConfig('{"text":5}'), /config\.text is no text/);
  });
});

it('a call goes to a granted server, by any of its names, and to paths below the prefix', () => {
  const servers = grantedServers(['https://api.example:8443/v1/', 'http://192.0.2.1/exact']);
  const url = (cluster: string, path: string) => grantedUrl(servers, cluster, path)?.href ?? null;
  for (const cluster of [
    'api.example',
    'api.example:8443',
    'outbound|8443||api.example',
    'https://api.example:8443/v1/',
  ])
    assert.equal(url(cluster, '/v1/a?b'), 'https://api.example:8443/v1/a?b');
  assert.equal(url('192.0.2.1', '/exact'), 'http://192.0.2.1/exact');
  for (const [cluster, path] of [
    ['api.example', '/v2/'],
    ['api.example', '/v1/../v2/'],
    ['api.example', '/v1/%2e%2e/v2'],
    ['api.example', '//evil.example/v1/'],
    ['api.example', '@evil.example/v1/'],
    ['192.0.2.1', '/exact/more'],
    ['evil.example', '/v1/'],
    ['', '/v1/'],
  ] as const)
    assert.equal(url(cluster, path), null, `${cluster} ${path}`);
});

it('an instance holds so many requests', () => {
  const { filter, failures } = loadProxyWasm(hostileGuest());
  const open = Array.from({ length: contextsMax }, () => begin(filter).step.run);
  for (const run of open) assert.equal(run.requestHead(true), null);
  const { run } = begin(filter).step;
  const answer = run.requestHead(true);
  assert.ok(answer !== null && answer !== 'wait' && answer.kind === 'block');
  assert.match(failures.join(), /limit: it holds as many requests as it may/);
  run.end();
  open.pop()?.end();
  assert.equal(begin(filter).step.run.requestHead(true), null);
  assert.equal(failures.length, 1);
});

it('an instance has so many calls under way', async () => {
  const { filter, logs } = loadProxyWasm(await proxyWasmGuest('http-call'), {
    config: { text: 'auth.example' },
    fetch: ['https://auth.example/'],
    call: () => new Promise(() => {}),
  });
  for (let i = 0; i < callsMax; i++) assert.equal(begin(filter).step.run.requestHead(true), 'wait');
  const { stop } = await exchange(filter);
  assert.ok(stop?.kind === 'answer');
  assert.equal(stop.body.toString(), 'no call: 10');
  assert.match(logs.join('\n'), /too many calls are under way/);
});

it('fuel and memory of the instance are known', async () => {
  const { filter } = loadProxyWasm(await proxyWasmGuest('cors'));
  const before = filter.fuelUsed;
  await exchange(filter);
  assert.ok(filter.fuelUsed > before + 100, String(filter.fuelUsed - before));
  assert.ok(filter.memoryBytes >= 65_536 && filter.memoryBytes % 65_536 === 0);
});

it('host calls are counted by name', async () => {
  const { filter, hostCalls } = loadProxyWasm(await proxyWasmGuest('cors'));
  await exchange(filter);
  await exchange(filter);
  assert.equal(hostCalls.get('proxy_get_header_map_value')?.value, 2);
});

it('a queue wakes its module no more often than it can hold items', async () => {
  const turn: readonly MadeCall[] = [
    { name: 'proxy_register_shared_queue', parameters: [0, 1, 100] },
    ...Array.from({ length: 1_500 }, () => [
      { name: 'proxy_enqueue_shared_queue', parameters: [1, 0, 1] },
      { name: 'proxy_dequeue_shared_queue', parameters: [1, 104, 108] },
    ]).flat(),
  ];
  const wakes: readonly MadeCall[] = [{ name: 'proxy_clear_route_cache', parameters: [] }];
  const { filter, hostCalls } = loadProxyWasm(
    hostileGuest({ calls: { proxy_on_request_headers: turn, proxy_on_queue_ready: wakes } }),
  );
  await exchange(filter);
  await exchange(filter);
  const woken = () => hostCalls.get('proxy_clear_route_cache')?.value ?? 0;
  await until('as many wakes', () => woken() >= queueItemsMax);
  await exchange(filter);
  assert.equal(hostCalls.get('proxy_enqueue_shared_queue')?.value, 4_500);
  await until('as many again', () => woken() >= 2 * queueItemsMax);
  assert.equal(woken(), 2 * queueItemsMax);
});
