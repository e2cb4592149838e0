/** Servers that fail: taken out, tried again, checked, and what clients get meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import type { ServerChange } from '#proxy/upstream/upstream-registry.ts';
import { type EdgeOptions, TestEdge } from '../support/edge.ts';
import { fieldValues, type ReadMessage, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { until } from '../support/until.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const post = 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nok';
const answer = (status: number, body = ''): string =>
  `HTTP/1.1 ${status} X\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const group = (urls: readonly string[], upstream: Record<string, unknown> = {}): EdgeOptions => ({
  upstreams: { app: { servers: urls.map((url) => ({ url })), ...upstream } },
  routes: [{ upstream: 'app' }],
});

async function ask(client: RawClient, request: string, count: number): Promise<ReadMessage> {
  client.send(request);
  return (await client.responses(count))[count - 1] as ReadMessage;
}

describe('a server whose requests fail', () => {
  it('is left alone after five; clients get 503 and the seconds, until it is tried and closes', async () => {
    let isUp = false;
    await using origin = await RawOrigin.start(({ socket }) => {
      socket.on('data', () => (isUp ? socket.write(plainAnswer) : socket.destroy()));
    });
    const changes: ServerChange[] = [];
    await using edge = await TestEdge.start({
      ...group([origin.url], { breaker: { openMs: 1_500 } }),
      onServerChange: (change) => changes.push(change),
    });
    using client = await RawClient.connect(edge.address);
    for (let i = 1; i <= 5; i++) assert.equal(statusOf(await ask(client, get, i)), 502);
    const sixth = await ask(client, get, 6);
    assert.equal(statusOf(sixth), 503);
    // 2 at first, 1 where this machine was slow.
    assert.match(fieldValues(sixth, 'retry-after').join(), /^[12]$/);
    assert.equal(origin.connections.length, 5, 'it was not asked a sixth time');
    assert.equal(edge.sample('weir_upstream_failures_total{reason="unhealthy"}'), 1);
    const state = (name: string): number =>
      edge.sample(
        `weir_upstream_server_workers{upstream="app",server="${origin.url}",state="${name}"}`,
      );
    assert.equal(state('open'), 1);
    isUp = true;
    let count = 7;
    while (statusOf(await ask(client, get, count)) === 503) {
      count++;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(state('trial'), 1);
    for (let i = 1; i <= 2; i++) assert.equal(statusOf(await ask(client, get, count + i)), 200);
    assert.equal(state('healthy'), 1);
    assert.deepEqual(
      changes.map(({ state: name }) => name),
      ['open', 'trial', 'healthy'],
    );
  });

  it('is not one that closes on bodies: clients would take it from the others', async () => {
    await using origin = await RawOrigin.start(({ socket }) => {
      socket.on('data', (bytes) =>
        bytes.toString('latin1').startsWith('GET') ? socket.write(plainAnswer) : socket.destroy(),
      );
    });
    await using edge = await TestEdge.start(group([origin.url]));
    for (let i = 0; i < 6; i++) {
      using client = await RawClient.connect(edge.address);
      client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nbegin');
      assert.equal(statusOf(await client.response()), 502);
    }
    using client = await RawClient.connect(edge.address);
    assert.equal(statusOf(await ask(client, get, 1)), 200);
  });

  it('is not one whose answers stall under way', async () => {
    await using origin = await RawOrigin.start(({ socket }) => {
      socket.on('data', (bytes) =>
        socket.write(
          bytes.toString('latin1').startsWith('GET /stall')
            ? 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'
            : plainAnswer,
        ),
      );
    });
    await using edge = await TestEdge.start({
      ...group([origin.url]),
      edge: { timeouts: { sendMs: 300 } },
    });
    const stalled = await Promise.all(
      Array.from({ length: 6 }, () => RawClient.connect(edge.address)),
    );
    for (const client of stalled) client.send('GET /stall HTTP/1.1\r\nHost: a.test\r\n\r\n');
    for (const client of stalled) await client.untilEnded();
    assert.equal(edge.sample('weir_upstream_failures_total{reason="timeout"}'), 6);
    using client = await RawClient.connect(edge.address);
    assert.equal(statusOf(await ask(client, get, 1)), 200);
  });

  it('leaves its share to the others', async () => {
    await using bad = await RawOrigin.start(({ socket }) => {
      socket.on('data', () => socket.destroy());
    });
    await using good = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(group([bad.url, good.url]));
    using client = await RawClient.connect(edge.address);
    const statuses: number[] = [];
    for (let i = 1; i <= 30; i++) statuses.push(statusOf(await ask(client, get, i)));
    assert.equal(statuses.filter((status) => status === 502).length, 5);
    assert.deepEqual(new Set(statuses.slice(10)), new Set([200]));
  });

  for (const count of [1, 2]) {
    it(`is used all the same where noneHealthy says so: ${count} out of ${count}`, async () => {
      await using origin = await RawOrigin.start(({ socket }) => {
        socket.on('data', () => socket.destroy());
      });
      await using other = await RawOrigin.start(({ socket }) => {
        socket.on('data', () => socket.destroy());
      });
      const urls = [origin.url, other.url].slice(0, count);
      await using edge = await TestEdge.start(group(urls, { noneHealthy: 'use-all' }));
      using client = await RawClient.connect(edge.address);
      // Five failures take each of them out.
      const asked = 5 * count + 3;
      for (let i = 1; i <= asked; i++) assert.equal(statusOf(await ask(client, get, i)), 502);
      assert.equal(origin.connections.length + other.connections.length, asked);
    });
  }

  for (const [name, broken] of [
    ['half a body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['a bad chunk later', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz'],
  ] as const) {
    it(`fails with ${name} as well`, async () => {
      await using origin = await RawOrigin.start(({ socket }) => {
        socket.on('data', () => socket.end(broken));
      });
      await using edge = await TestEdge.start(group([origin.url]));
      for (let i = 1; i <= 5; i++) {
        using client = await RawClient.connect(edge.address);
        client.send(`GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`);
        await client.untilEnded();
      }
      using client = await RawClient.connect(edge.address);
      assert.equal(statusOf(await ask(client, get, 1)), 503);
    });
  }

  it('fails with the statuses named, and with no others', async () => {
    let status = 500;
    await using origin = await RawOrigin.answering(() => answer(status));
    await using edge = await TestEdge.start(group([origin.url], { breaker: { statuses: [503] } }));
    using client = await RawClient.connect(edge.address);
    for (let i = 1; i <= 6; i++) assert.equal(statusOf(await ask(client, get, i)), 500);
    status = 503;
    for (let i = 7; i <= 11; i++) await ask(client, get, i);
    assert.deepEqual(fieldValues(await ask(client, get, 12), 'retry-after'), ['60']);
  });

  it('keeps its state over a reload that leaves it as it is', async () => {
    await using origin = await RawOrigin.start(({ socket }) => {
      socket.on('data', () => socket.destroy());
    });
    await using edge = await TestEdge.start(group([origin.url]));
    using client = await RawClient.connect(edge.address);
    for (let i = 1; i <= 5; i++) await ask(client, get, i);
    await edge.reload(group([origin.url], { balance: 'least-connections', retries: { max: 0 } }));
    assert.equal(statusOf(await ask(client, get, 6)), 503);
    await edge.reload(group([origin.url], { breaker: { failures: 6 } }));
    assert.equal(statusOf(await ask(client, get, 7)), 502, 'another breaker begins anew');
    const series = [...edge.proxy.samples().keys()].filter((key) => key.includes(origin.url));
    assert.equal(new Set(series).size, series.length);
  });
});

describe('checks', () => {
  for (const [protocol, upstream] of [
    ['http1', {}],
    ['a named host', { health: { host: 'check.test' } }],
  ] as const) {
    it(`take a server out and bring it back: ${protocol}`, async () => {
      let status = 200;
      const asked: string[] = [];
      await using origin = await RawOrigin.answering((request) => {
        if (!request.startsWith('GET /up ')) return plainAnswer;
        asked.push(request);
        return answer(status);
      });
      const health = {
        path: '/up',
        intervalMs: 1_000,
        timeoutMs: 1_000,
        healthyAfter: 1,
        unhealthyAfter: 2,
        expect: ['200', '204-206'],
        ...('health' in upstream ? upstream.health : {}),
      };
      const changes: ServerChange[] = [];
      await using edge = await TestEdge.start({
        ...group([origin.url], { health }),
        onServerChange: (change) => changes.push(change),
      });
      using client = await RawClient.connect(edge.address);
      assert.equal(statusOf(await ask(client, get, 1)), 200);
      status = 203;
      const key = (name: string): string =>
        `weir_upstream_server_workers{upstream="app",server="${origin.url}",state="${name}"}`;
      await edge.until(key('unhealthy'), 1);
      const refused = await ask(client, get, 2);
      assert.equal(statusOf(refused), 503);
      // The next check comes after its interval, a little more or less.
      assert.match(fieldValues(refused, 'retry-after').join(), /^[12]$/);
      status = 204;
      await edge.until(key('healthy'), 1);
      assert.equal(statusOf(await ask(client, get, 3)), 200);
      assert.equal(changes[0]?.reason, 'check: status 203');
      const host = 'health' in upstream ? 'check.test' : origin.url.slice('http://'.length);
      assert.ok(asked[0]?.includes(`\r\nHost: ${host}\r\n`));
      assert.ok(asked[0]?.includes('\r\nUser-Agent: weir-health\r\n'));
      assert.ok(!asked[0]?.includes('Forwarded'));
    });
  }

  it('fail where nobody answers in time or nobody listens, and end with their server', async () => {
    await using silent = await RawOrigin.start();
    const port = await freePort();
    const health = { path: '/', intervalMs: 20, timeoutMs: 10, unhealthyAfter: 1 };
    const reasons: string[] = [];
    await using edge = await TestEdge.start({
      ...group([silent.url, `http://127.0.0.1:${port}`], { health }),
      onServerChange: ({ reason }) => reasons.push(reason),
    });
    await until('both are seen to fail', () => reasons.length >= 2);
    assert.ok(reasons.includes('check: no answer in time'), reasons.join());
    assert.ok(
      reasons.some((reason) => /ECONNREFUSED/.test(reason)),
      reasons.join(),
    );
    await using other = await RawOrigin.answering(plainAnswer);
    await edge.reload(group([other.url]));
    const connections = silent.connections.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(silent.connections.length <= connections + 1);
    assert.ok(![...edge.proxy.samples().keys()].some((key) => key.includes(silent.url)));
  });
});

describe('retries', () => {
  const statuses = { retries: { statuses: [503], budgetMin: 100 } };

  it('ask another server after a status named, for what may be repeated', async () => {
    await using bad = await RawOrigin.answering(answer(503, 'bad'));
    await using good = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(group([bad.url, good.url], statuses));
    using client = await RawClient.connect(edge.address);
    for (let i = 1; i <= 4; i++) assert.equal((await ask(client, get, i)).body, 'ok');
    const posts = [await ask(client, post, 5), await ask(client, post, 6)].map(statusOf);
    assert.deepEqual(posts.sort(), [200, 503]);
    // Its connection was clean and is used again.
    assert.equal(bad.connections.length, 1);
  });

  it('give the answer there is when every server says so', async () => {
    await using one = await RawOrigin.answering(answer(503, 'one'));
    await using two = await RawOrigin.answering(answer(503, 'two'));
    await using edge = await TestEdge.start(group([one.url, two.url], statuses));
    using client = await RawClient.connect(edge.address);
    const response = await ask(client, get, 1);
    assert.equal(statusOf(response), 503);
    assert.match(response.body, /one|two/);
    assert.equal(edge.sample('weir_upstream_retries_total'), 1);
  });

  it('drop an answer that is still under way, with its connection', async () => {
    await using bad = await RawOrigin.start(({ socket }) => {
      socket.on('data', () => socket.write('HTTP/1.1 503 X\r\nContent-Length: 9\r\n\r\nhalf'));
    });
    await using good = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(group([bad.url, good.url], statuses));
    using client = await RawClient.connect(edge.address);
    assert.equal((await ask(client, get, 1)).body, 'ok');
    assert.equal((await ask(client, get, 2)).body, 'ok');
    await (await bad.connection(0)).untilEnded();
  });

  it('after a time limit, only where it is named', async () => {
    await using slow = await RawOrigin.start();
    await using good = await RawOrigin.answering(plainAnswer);
    const edgeOf = (on: readonly string[]): EdgeOptions => ({
      ...group([slow.url, good.url], { retries: { on } }),
      edge: { timeouts: { responseMs: 300 } },
    });
    await using without = await TestEdge.start(edgeOf(['connect', 'closed']));
    using first = await RawClient.connect(without.address);
    assert.equal(statusOf(await ask(first, get, 1)), 504);
    await using edge = await TestEdge.start(edgeOf(['timeout']));
    using second = await RawClient.connect(edge.address);
    assert.equal(statusOf(await ask(second, get, 1)), 200);
  });

  it('are as the route says, within the budget of the upstream', async () => {
    await using bad = await RawOrigin.answering(answer(503, 'bad'));
    await using good = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...group([bad.url, good.url], {
        retries: { statuses: [503], budgetMin: 4, budgetPercent: 0 },
      }),
      routes: [
        { upstream: 'app' },
        { match: { path: '/once' }, upstream: 'app', retries: { max: 0 } },
        { match: { path: '/never' }, upstream: 'app', retries: { statuses: [] } },
      ],
    });
    using client = await RawClient.connect(edge.address);
    const got: Record<string, number[]> = {};
    let count = 0;
    // Servers take turns over all routes of the upstream: of four requests in a row two meet the bad one.
    for (const path of ['/', '/once', '/never', '/', '/', '/']) {
      for (let i = 0; i < 4; i++) {
        const { first } = await ask(client, get.replace('/', path), ++count);
        got[path] = [...(got[path] ?? []), Number(first.split(' ')[1])];
      }
    }
    assert.deepEqual([...(got['/once'] ?? [])].sort(), [200, 200, 503, 503]);
    assert.deepEqual([...(got['/never'] ?? [])].sort(), [200, 200, 503, 503]);
    assert.equal(edge.sample('weir_upstream_retries_total'), 4, 'the budget, over all routes');
    assert.ok(got['/']?.slice(0, 4).every((status) => status === 200));
    assert.ok(edge.sample('weir_upstream_retries_refused_total') > 0);
  });

  it('stop at the budget, and that is counted', async () => {
    const dead = `http://127.0.0.1:${await freePort()}`;
    await using good = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      group([dead, good.url], {
        retries: { budgetMin: 2, budgetPercent: 0 },
        breaker: { failures: 0 },
      }),
    );
    using client = await RawClient.connect(edge.address);
    const got: number[] = [];
    for (let i = 1; i <= 10; i++) got.push(statusOf(await ask(client, get, i)));
    assert.equal(got.filter((status) => status === 502).length, 3);
    assert.equal(edge.sample('weir_upstream_retries_refused_total'), 3);
  });
});

it('least-connections keeps clear of a server that is slow', async () => {
  await using slow = await RawOrigin.start();
  await using fast = await RawOrigin.answering(plainAnswer);
  await using edge = await TestEdge.start(
    group([slow.url, fast.url], { balance: 'least-connections' }),
  );
  using held = await RawClient.connect(edge.address);
  using other = await RawClient.connect(edge.address);
  held.send(get);
  other.send(get);
  // One of the two is held by the slow server; from then on nobody else is.
  await slow.connection(0);
  using client = await RawClient.connect(edge.address);
  for (let i = 1; i <= 10; i++) assert.equal(statusOf(await ask(client, get, i)), 200);
  assert.equal(slow.connections.length, 1);
});

it('ip-hash keeps a client at its server, by the address a trusted proxy gives', async () => {
  await using a = await RawOrigin.answering(answer(200, 'a'));
  await using b = await RawOrigin.answering(answer(200, 'b'));
  await using edge = await TestEdge.start({
    ...group([a.url, b.url], { balance: 'ip-hash' }),
    edge: { trustedProxies: ['127.0.0.0/8'] },
  });
  using client = await RawClient.connect(edge.address);
  const servers = new Map<string, Set<string>>();
  let count = 0;
  for (let round = 0; round < 3; round++) {
    for (let i = 1; i <= 16; i++) {
      const who = `192.0.2.${i}`;
      const request = `GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: ${who}\r\n\r\n`;
      const { body } = await ask(client, request, ++count);
      servers.set(who, (servers.get(who) ?? new Set()).add(body));
    }
  }
  for (const [who, seen] of servers) assert.equal(seen.size, 1, who);
  assert.equal(new Set([...servers.values()].map((seen) => [...seen][0])).size, 2);
});

it('weights are kept exactly', async () => {
  await using a = await RawOrigin.answering(answer(200, 'a'));
  await using b = await RawOrigin.answering(answer(200, 'b'));
  await using edge = await TestEdge.start({
    upstreams: { app: { servers: [{ url: a.url, weight: 3 }, { url: b.url }] } },
    routes: [{ upstream: 'app' }],
  });
  using client = await RawClient.connect(edge.address);
  let got = '';
  for (let i = 1; i <= 8; i++) got += (await ask(client, get, i)).body;
  assert.equal(got, 'aabaaaba');
});
