import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { products } from '#demo/catalogue.ts';
import { messageBytesMax } from '#demo/echo.ts';
import { orderBytesMax, type Shop, slowMsMax, startShop } from '#demo/shop.ts';
import { streamedBytesMax } from '#demo/streams.ts';
import { call } from '../support/http-call.ts';

const form = { 'content-type': 'application/x-www-form-urlencoded' };
const json = { 'content-type': 'application/json' };
let shop: Shop;
before(async () => {
  shop = await startShop();
});
after(() => shop.close());

const get = (path: string, headers: Record<string, string> = {}) =>
  call(shop.url, 'GET', path, { headers });

describe('pages', () => {
  const pages = [
    { path: '/', shows: /Copper kettle/ },
    { path: '/products/lantern', shows: /Burns for nine hours.*€ 34\.50/s },
    { path: '/search', shows: /name="q"/ },
    { path: '/search?q=brass', shows: /1 for “brass”.*Brass compass/s },
    { path: '/search?q=zeppelin', shows: /Nothing matches “zeppelin”/ },
    {
      path: '/search?q=%3Cscript%3Ealert(1)%3C/script%3E%22',
      shows: /value="&lt;script&gt;alert\(1\)&lt;\/script&gt;&quot;"/,
    },
    { path: '/search?q=a&q=b', shows: /name="q"/ },
    { path: '/order', shows: /<form action="\/order" method="post">/ },
    { path: '/order?product=rope', shows: /<option value="rope" selected>/ },
    { path: '/upload', shows: /type="file"/ },
    { path: '/echo', shows: /new WebSocket/ },
    { path: '/ticks', shows: /new EventSource/ },
  ];
  for (const { path, shows } of pages) {
    it(`GET ${path}`, async () => {
      const answer = await get(path);
      assert.equal(answer.status, 200);
      assert.match(answer.headers['content-type'] ?? '', /^text\/html; charset=utf-8$/);
      assert.match(answer.body, shows);
      assert.doesNotMatch(answer.body, /<script>alert/);
      assert.doesNotMatch(
        answer.body,
        /(?:src|href|action)="(?:https?:)?\/\//,
        'nothing from elsewhere',
      );
    });
  }

  it('carry a policy that knows every script on them by its hash', async () => {
    for (const path of ['/upload', '/echo', '/ticks']) {
      const { body, headers } = await get(path);
      const script = /<script>([\s\S]*?)<\/script>/.exec(body)?.[1] ?? '';
      const hash = createHash('sha256').update(script).digest('base64');
      const policy = String(headers['content-security-policy']);
      assert.ok(policy.includes(`'sha256-${hash}'`), path);
      assert.doesNotMatch(policy, /script-src[^;]*unsafe/);
    }
  });

  for (const path of ['/nothing', '/products/nothing', '/products/constructor', '/ws/echo']) {
    it(`GET ${path} is a 404 page`, async () => {
      const answer = await get(path);
      assert.deepEqual([answer.status, /Not here/.test(answer.body)], [404, true]);
    });
  }
});

describe('orders', () => {
  const order = (body: string, headers: Record<string, string> = form) =>
    call(shop.url, 'POST', '/order', { headers, body });

  it('are echoed with every hostile character escaped', async () => {
    const hostile = `"><img src=x onerror='alert(1)'>&amp;</dd><script>alert(2)</script>`;
    const fields = new URLSearchParams({
      product: 'kettle',
      quantity: '2',
      name: hostile,
      note: hostile,
    });
    const { status, body } = await order(fields.toString());
    assert.equal(status, 200);
    const escaped =
      '&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;amp;&lt;/dd&gt;&lt;script&gt;alert(2)&lt;/script&gt;';
    assert.equal(body.split(escaped).length, 3, 'once as the name and once as the note');
    assert.doesNotMatch(body, /<img|<script/);
    assert.match(body, /€ 118\.00/);
  });

  const wrong = [
    { fields: 'product=none&name=a', says: /no such product/ },
    { fields: 'product=rope&name=', says: /A name has/ },
    { fields: `product=rope&name=${'n'.repeat(201)}`, says: /A name has/ },
    { fields: `product=rope&name=a&note=${'n'.repeat(2001)}`, says: /A note has/ },
    { fields: 'product=rope&name=a&quantity=0', says: /The quantity/ },
    { fields: 'product=rope&name=a&quantity=100', says: /The quantity/ },
    { fields: 'product=rope&name=a&quantity=1.5', says: /The quantity/ },
    { fields: 'product=rope&name=a&quantity=x', says: /The quantity/ },
    { fields: '', says: /no such product/ },
  ];
  for (const { fields, says } of wrong) {
    it(`${fields.slice(0, 40)} is refused in words`, async () => {
      const { status, body } = await order(fields);
      assert.equal(status, 422);
      assert.match(body, says);
    });
  }

  it('of exactly the largest size are read, and one byte more is not', async () => {
    const start = 'product=rope&name=a&more=';
    assert.equal((await order(start + 'x'.repeat(orderBytesMax - start.length))).status, 200);
    assert.equal((await order(start + 'x'.repeat(orderBytesMax - start.length + 1))).status, 413);
  });

  it('come in as JSON too', async () => {
    const post = (body: string) => call(shop.url, 'POST', '/api/orders', { headers: json, body });
    const good = await post('{"product":"rope","quantity":3,"name":"<b>"}');
    assert.equal(good.status, 201);
    assert.partialDeepStrictEqual(JSON.parse(good.body), {
      quantity: 3,
      totalCents: 5_550,
      name: '<b>',
    });
    assert.match(String(good.headers['content-type']), /^application\/json/);
    assert.equal((await post('{"product":"rope","name":{"toString":1}}')).status, 422);
    assert.equal((await post('[1]')).status, 422);
    assert.equal((await post('{')).status, 400);
    assert.equal(
      (
        await call(shop.url, 'POST', '/api/orders', {
          headers: { 'content-type': 'text/x' },
          body: '',
        })
      ).status,
      415,
    );
  });
});

describe('the API', () => {
  it('lists the products', async () => {
    assert.deepEqual(JSON.parse((await get('/api/products')).body), { products });
  });

  it('is healthy', async () => {
    assert.deepEqual(JSON.parse((await get('/healthz')).body), { status: 'ok' });
  });

  it('says which headers arrived', async () => {
    const { body } = await get('/headers', { 'x-forwarded-for': '192.0.2.1' });
    assert.partialDeepStrictEqual(JSON.parse(body), {
      headers: { 'x-forwarded-for': '192.0.2.1' },
    });
  });

  const slow = [
    { path: '/slow?ms=0', status: 200 },
    { path: `/slow?ms=${slowMsMax + 1}`, status: 400 },
    { path: '/slow?ms=-1', status: 400 },
    { path: '/slow?ms=x', status: 400 },
  ];
  for (const { path, status } of slow) {
    it(`GET ${path} answers ${status}`, async () => assert.equal((await get(path)).status, status));
  }
});

describe('bodies', () => {
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const pattern = (length: number) =>
    Buffer.from(Uint8Array.from({ length }, (_, index) => index % 251));

  it('an upload of 5 MB is counted and hashed, whatever its media type', async () => {
    const body = randomBytes(5_000_000);
    for (const headers of [
      {},
      { 'content-type': 'application/octet-stream' },
      json,
      { 'content-type': 'image/png' },
    ]) {
      const answer = await call(shop.url, 'POST', '/upload', { headers, body });
      assert.deepEqual(
        [answer.status, JSON.parse(answer.body)],
        [200, { bytes: body.length, sha256: sha256(body) }],
      );
    }
  });

  it('an upload may be empty, with or without a media type', async () => {
    for (const headers of [{}, { 'content-type': 'application/octet-stream' }]) {
      const answer = await call(shop.url, 'POST', '/upload', { headers, body: '' });
      assert.deepEqual(JSON.parse(answer.body), { bytes: 0, sha256: sha256(new Uint8Array()) });
    }
  });

  for (const bytes of [0, 1, 65_536, 1_000_003]) {
    it(`/bytes/${bytes} has its length and /chunked/${bytes} has none, and both the same bytes`, async () => {
      const fixed = await fetch(`${shop.url}/bytes/${bytes}`);
      assert.equal(fixed.headers.get('content-length'), String(bytes));
      assert.deepEqual(Buffer.from(await fixed.arrayBuffer()), pattern(bytes));
      const chunked = await fetch(`${shop.url}/chunked/${bytes}`);
      assert.equal(chunked.headers.get('content-length'), null);
      assert.deepEqual(Buffer.from(await chunked.arrayBuffer()), pattern(bytes));
    });
  }

  for (const path of [`/bytes/${streamedBytesMax + 1}`, '/bytes/-1', '/chunked/1.5', '/bytes/x']) {
    it(`GET ${path} is refused`, async () => assert.equal((await get(path)).status, 400));
  }

  it('the largest body starts at once and can be left', async () => {
    const outgoing = request(`${shop.url}/bytes/${streamedBytesMax}`).end();
    const [answer] = await once(outgoing, 'response');
    assert.equal(answer.headers['content-length'], String(streamedBytesMax));
    await once(answer, 'readable');
    outgoing.destroy();
    assert.equal((await get('/healthz')).status, 200);
  });
});

describe('/events', () => {
  it('ticks at once', async () => {
    const outgoing = request(`${shop.url}/events`).end();
    const [answer] = await once(outgoing, 'response');
    assert.equal(answer.headers['content-type'], 'text/event-stream');
    let text = '';
    for await (const chunk of answer) {
      text += chunk;
      if (/data: .*\n\n/.test(text)) break;
    }
    assert.match(
      text,
      /^retry: 2000\n\nevent: tick\nid: \d+\ndata: \{"count":\d+,"at":"20\d\d-.*Z"\}\n\n$/,
    );
  });
});

describe('/ws/echo', () => {
  const socketUrl = () => `${shop.url.replace('http', 'ws')}/ws/echo`;

  it('says back texts and bytes in order', async () => {
    const socket = new WebSocket(socketUrl());
    await once(socket, 'open');
    const heard: [string, boolean][] = [];
    const all = new Promise<void>((resolve) => {
      socket.on('message', (data, isBinary) => {
        heard.push([data.toString(), isBinary]);
        if (heard.length === 3) resolve();
      });
    });
    socket.send('grüße');
    socket.send(Buffer.from('bytes'));
    socket.send('');
    await all;
    socket.close();
    await once(socket, 'close');
    assert.deepEqual(heard, [
      ['grüße', false],
      ['bytes', true],
      ['', false],
    ]);
  });

  it('says back the largest message, and closes with 1009 at one byte more', async () => {
    const socket = new WebSocket(socketUrl());
    await once(socket, 'open');
    socket.send(Buffer.alloc(messageBytesMax));
    const [data] = await once(socket, 'message');
    assert.equal(data.length, messageBytesMax);
    socket.send(Buffer.alloc(messageBytesMax + 1));
    const [code] = await once(socket, 'close');
    assert.equal(code, 1009);
  });

  it('is nowhere else', async () => {
    const socket = new WebSocket(`${shop.url.replace('http', 'ws')}/ws/other`);
    const [error] = await once(socket, 'error');
    assert.match(String(error), /404/);
  });
});

describe('closing', () => {
  it('ends event streams, WebSockets and slow answers', async () => {
    const own = await startShop({ address: '[::1]:0' });
    assert.match(own.url, /^http:\/\/\[::1\]:\d+$/);
    const socket = new WebSocket(`${own.url.replace('http', 'ws')}/ws/echo`);
    await once(socket, 'open');
    const [events] = await once(request(`${own.url}/events`).end(), 'response');
    events.resume();
    const slow = request(`${own.url}/slow?ms=60000`).end();
    await once(slow, 'finish');
    // The request is on its way; one exchange on another connection lets the shop take it up.
    await call(own.url, 'GET', '/healthz');
    await turn();
    const ended = Promise.all([once(socket, 'close'), once(events, 'end'), once(slow, 'response')]);
    await own.close();
    const [[code], , [answer]] = await ended;
    answer.resume();
    assert.deepEqual([code, answer.statusCode], [1001, 200]);
  });
});
