/** What modules may fetch, from where, how often, and what becomes of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { isPublicAddress } from '#core/public-address.ts';
import { allowedUrl, parseUrlPrefix, type UrlPrefix } from '#core/url-prefix.ts';
import type { HttpReply } from '#wasm/services/http-client.ts';
import { fetchedBytesMax, HttpClient } from '#wasm/services/http-client.ts';
import { fetchesUnderWayMax, ModuleFetcher } from '#wasm/services/module-fetcher.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { until } from '../support/until.ts';

describe('a URL', () => {
  const prefixes = [
    'https://keys.example/v1/',
    'https://one.example/jwks.json?kid=1',
    'http://127.0.0.1:8081/',
    'https://[2001:db8::1]/a/',
  ].map((text) => {
    const prefix = parseUrlPrefix(text);
    assert(typeof prefix !== 'string', String(prefix));
    return prefix satisfies UrlPrefix;
  });

  const allowed = [
    'https://keys.example/v1/',
    'https://keys.example/v1/a/b.json?x=../y',
    'https://KEYS.example:443/v1/a',
    'https://one.example/jwks.json?kid=1',
    'http://127.0.0.1:8081/anything',
    'https://[2001:db8::1]/a/b',
  ];
  for (const text of allowed)
    it(`${text} is allowed`, () => assert.notEqual(allowedUrl(text, prefixes), null));

  const refused = [
    'http://keys.example/v1/a',
    'https://keys.example:8443/v1/a',
    'https://keys.example/v1',
    'https://keys.example/v2/a',
    'https://keys.example/v1/../v2/a',
    'https://keys.example/v1/%2e%2e/v2/a',
    'https://keys.example/v1/%2E./v2/a',
    'https://keys.example/v1/..%2fv2',
    'https://keys.example/v1/..\\v2',
    'https://keys.example/v1/a/..',
    'https://keys.example/v1/./a',
    'https://keys.example/v1/%5c..%5cv2',
    'https://keys.example/v1/a%00',
    'https://keys.example.evil.example/v1/a',
    'https://keys.example@evil.example/v1/a',
    'https://user:password@keys.example/v1/a',
    'https://@keys.example/v1/a',
    'https://keys.example/v1/a#fragment',
    'https://keys.example/v1/a b',
    'https://keys.example/v1/\ta',
    'https://keys.example/v1/ä',
    'https://one.example/jwks.json',
    'https://one.example/jwks.json?kid=1&kid=2',
    'https://one.example/jwks.json?kid=1/x',
    'http://127.0.0.1:80/',
    'http://127.1:8082/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    '//keys.example/v1/a',
    '',
    `https://keys.example/v1/${'a'.repeat(2_048)}`,
  ];
  for (const text of refused)
    it(`${JSON.stringify(text.slice(0, 60))} is refused`, () =>
      assert.equal(allowedUrl(text, prefixes), null));

  it('is one after normalisation: another spelling of an address is that address', () => {
    assert.notEqual(allowedUrl('http://127.1:8081/', prefixes), null);
    assert.equal(allowedUrl('http://2130706433:8082/', prefixes), null);
  });
});

describe('an address is public', () => {
  for (const [text, expected] of [
    ['93.184.216.34', true],
    ['2606:2800:21f:cb07::1', true],
    ['10.1.2.3', false],
    ['127.0.0.1', false],
    ['169.254.169.254', false],
    ['172.31.255.255', false],
    ['172.32.0.0', true],
    ['192.168.0.1', false],
    ['100.64.0.1', false],
    ['0.0.0.0', false],
    ['255.255.255.255', false],
    ['224.0.0.1', false],
    ['::1', false],
    ['::', false],
    ['fe80::1', false],
    ['fe80::1%eth0', false],
    ['fd00::1', false],
    ['::ffff:10.0.0.1', false],
    ['::10.0.0.1', false],
    ['64:ff9b::a00:1', false],
    ['2002:a00:1::', false],
    ['ff02::1', false],
    ['localhost', false],
  ] as const)
    it(`${text}: ${expected}`, () => assert.equal(isPublicAddress(text), expected));
});

describe('the client', () => {
  const origin = http.createServer();
  let base = '';
  before(async () => {
    origin.on('request', (request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/there' }).end();
      else if (request.url === '/large') response.end(Buffer.alloc(fetchedBytesMax + 1));
      else if (request.url === '/most') response.end(Buffer.alloc(fetchedBytesMax));
      else if (request.url === '/silent') response.flushHeaders();
      else response.end(`${request.method} ${request.url} ${request.headers['host']}`);
    });
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    base = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  });
  after(() => {
    origin.closeAllConnections();
    origin.close();
  });

  const get = async (client: HttpClient, url: string): Promise<HttpReply> => {
    try {
      return await client.call({ url: new URL(url), method: 'GET', fields: {}, body: null });
    } finally {
      await client.close();
    }
  };

  it('gets what an address that is named itself answers', async () => {
    const { status, body } = await get(new HttpClient(), `${base}/a?b`);
    assert.equal(status, 200);
    assert.match(body.toString(), /^GET \/a\?b 127\.0\.0\.1:/);
  });

  it('follows no redirect', async () => {
    assert.equal((await get(new HttpClient(), `${base}/moved`)).status, 302);
  });

  it('takes 256 KiB and not a byte more', async () => {
    assert.equal((await get(new HttpClient(), `${base}/most`)).body.length, fetchedBytesMax);
    await assert.rejects(get(new HttpClient(), `${base}/large`), /longer than 262144 bytes/);
  });

  it('gives up on an answer that does not come', async () => {
    await assert.rejects(get(new HttpClient({ msMax: 50 }), `${base}/silent`), /timeout|abort/i);
  });

  const resolving = (addresses: readonly string[]) =>
    new HttpClient({
      resolve: ((_name: string, _options: unknown, done: (...result: unknown[]) => void) =>
        done(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        )) as never,
    });
  for (const addresses of [['127.0.0.1'], ['::1'], ['93.184.216.34', '10.0.0.1'], []]) {
    it(`does not go to a name that resolves to ${addresses.join(' and ') || 'nothing'}`, async () => {
      const { port } = origin.address() as AddressInfo;
      await assert.rejects(get(resolving(addresses), `http://name.example:${port}/`), (error) =>
        /resolves to/.test(String((error as Error).message)),
      );
    });
  }
});

describe('a module that fetches', () => {
  let nowMs: number;
  let store: SharedStore;
  let asked: string[];
  let answers: ((reply: Partial<HttpReply> | Error) => void)[];
  let logged: string[];
  let results: string[];
  let fetcher: ModuleFetcher;
  const grant = { module: 'm', prefixes: ['https://a.example/'] };
  const values = () => store.of('m');

  beforeEach(() => {
    nowMs = 1_000_000;
    store = new SharedStore({ writer: 0, wallMs: () => nowMs, onEvicted: () => {}, outlet: null });
    asked = [];
    answers = [];
    logged = [];
    results = [];
    fetcher = new ModuleFetcher({
      client: {
        call: ({ url }) => {
          asked.push(url.href);
          const { promise, resolve, reject } = Promise.withResolvers<HttpReply>();
          answers.push((reply) => {
            if (reply instanceof Error) reject(reply);
            else resolve({ status: 200, fields: {}, body: Buffer.from('body'), ...reply });
          });
          return promise;
        },
      },
      values: (module) => store.of(module),
      log: (_level, _module, text) => logged.push(text),
      onResult: (_module, result) => results.push(result),
      nowMs: () => nowMs,
    });
  });

  const ask = (url = 'https://a.example/keys', key = 'k') => fetcher.fetch(grant, url, key, 10_000);
  const answer = async (reply: Partial<HttpReply> | Error) => {
    const before = results.length;
    answers.shift()?.(reply);
    await until('the answer is dealt with', () => results.length > before);
  };

  it('finds the body under its key, fresh for its time, then stale while it is fetched anew', async () => {
    assert.equal(ask(), 'started');
    assert.equal(ask(), 'started');
    assert.equal(asked.length, 1);
    await answer({});
    assert.equal(values().get('k')?.toString(), 'body');
    nowMs += 9_999;
    assert.equal(ask(), 'fresh');
    nowMs += 1;
    assert.equal(ask(), 'started');
    assert.equal(values().get('k')?.toString(), 'body');
    await answer({ body: Buffer.from('new') });
    assert.equal(values().get('k')?.toString(), 'new');
    nowMs += 20_000;
    assert.equal(values().get('k'), undefined);
  });

  it('asks again at once for a value that had to make room', async () => {
    ask();
    await answer({});
    values().delete('k');
    assert.equal(ask(), 'started');
    assert.equal(asked.length, 2);
  });

  it('waits longer and longer after failures, and is told once', async () => {
    for (const waitMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      assert.equal(ask(), 'started');
      await answer(waitMs === 2_000 ? { status: 404 } : new Error('connection refused'));
      const count = asked.length;
      nowMs += waitMs - 1;
      assert.equal(ask(), 'started');
      assert.equal(asked.length, count);
      nowMs += 1;
    }
    assert.deepEqual(logged, ['fetch https://a.example/keys failed: connection refused']);
    ask();
    await answer({});
    assert.equal(logged[1], 'fetch https://a.example/keys: works again');
    assert.deepEqual([...new Set(results)], ['failed', 'ok']);
  });

  it('reaches only what it was granted', () => {
    assert.equal(ask('https://b.example/'), 'refused');
    assert.equal(ask('https://a.example/../x'), 'refused');
    assert.deepEqual(asked, []);
    assert.deepEqual(results, ['refused', 'refused']);
  });

  it('has four under way', async () => {
    for (let i = 0; i < fetchesUnderWayMax; i++)
      assert.equal(ask(`https://a.example/${i}`, `k${i}`), 'started');
    assert.equal(ask('https://a.example/more', 'more'), 'refused');
    await answer({});
    assert.equal(ask('https://a.example/more', 'more'), 'started');
  });

  it('is asked anew once its grant has changed', async () => {
    ask();
    await answer({});
    assert.equal(
      fetcher.fetch(
        { ...grant, prefixes: [...grant.prefixes] },
        'https://a.example/keys',
        'k',
        10_000,
      ),
      'fresh',
    );
    assert.equal(
      fetcher.fetch({ module: 'm', prefixes: [] }, 'https://a.example/keys', 'k', 10_000),
      'refused',
    );
  });

  it('gets nothing once it is gone', async () => {
    ask();
    fetcher.retain(new Set());
    answers.shift()?.({});
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(values().get('k'), undefined);
  });
});
