/** What requests and responses are held back for, shown to modules, changed by them and stopped for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Stop } from '#waf/verdict.ts';
import type { BodyWindow, Filter, LogRecord, Resume } from '#wasm/filter.ts';
import { type EdgeOptions, TestEdge } from '../support/edge.ts';
import { type Phases, phaseFilter, stopFor } from '../support/filters.ts';
import { fieldValues, readOne, statusOf } from '../support/http-read.ts';
import { data, Http2Peer, http2Edge, post } from '../support/http2-peer.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const windowBytes = 1_000;

type Waf = Record<string, unknown>;
type Line = { readonly verdict: { readonly rule: string; readonly enforced: boolean } };

function edgeWith(url: string, filters: readonly Filter[], waf: Waf = {}): EdgeOptions {
  return {
    upstreams: { app: { servers: [{ url }] } },
    routes: [{ upstream: 'app', waf: { rules: filters.map(({ name }) => name), ...waf } }],
    waf: { bodyWindowBytes: windowBytes },
    modules: Object.fromEntries(filters.map((filter) => [filter.name, filter])),
  };
}

const edgeFor = (url: string, phases: Phases, waf: Waf = {}, buffers = false): EdgeOptions =>
  edgeWith(url, [phaseFilter('tested', phases, buffers)], waf);

const head = (length: number, more = ''): string =>
  `POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n${more}\r\n`;

/** What was new in each window, one after the other. */
const joined = (windows: readonly BodyWindow[]): string =>
  windows.map(({ bytes, overlap }) => bytes.toString('latin1', overlap)).join('');

/** Windows are borrowed. */
const kept = (window: BodyWindow): BodyWindow => ({ ...window, bytes: Buffer.from(window.bytes) });

describe('the body of a request', () => {
  it('is shown whole before the upstream hears of it, however it came', async () => {
    const windows: BodyWindow[] = [];
    await using origin = await RawOrigin.answering(plainAnswer);
    let heardBefore = '';
    await using edge = await TestEdge.start(
      edgeFor(origin.url, {
        requestBody: (_about, window) => {
          heardBefore += origin.received;
          windows.push(kept(window));
          return null;
        },
      }),
    );
    using client = await RawClient.connect(edge.address);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    client.send('4\r\ndefg\r\n0\r\n\r\n');
    assert.equal(statusOf(await client.response()), 200);
    assert.equal(heardBefore, '');
    assert.deepEqual(
      windows.map(({ bytes, ...rest }) => ({ text: bytes.toString(), ...rest })),
      [{ text: 'abcdefg', overlap: 0, position: 0, isFirst: true, isLast: true, isWhole: true }],
    );
    assert.match(origin.received, /abcdefg/);
  });

  it('that a module stops never reaches the upstream', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      edgeFor(origin.url, { requestBody: () => stopFor('test/body') }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(`${head(5)}hello`);
    assert.equal(statusOf(await client.response()), 403);
    assert.equal(origin.connections.length, 0);
    const [line] = await edge.accessLines(1);
    assert.equal((line as Line | undefined)?.verdict.rule, 'test/body');
  });

  it('is asked for where a client waits to be told', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(edgeFor(origin.url, { requestBody: () => null }));
    using client = await RawClient.connect(edge.address);
    client.send(head(2, 'Expect: 100-continue\r\n'));
    await client.until((received) => received.startsWith('HTTP/1.1 100'));
    client.send('hi');
    await client.until((received) => received.includes('HTTP/1.1 200'));
  });

  const long = Array.from({ length: 400 }, (_, i) => `${i}`.padStart(9, '.')).join(' ');
  it('beyond the window is shown stretch by stretch, the border twice', async () => {
    const windows: BodyWindow[] = [];
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      edgeFor(origin.url, {
        requestBody: (_about, window) => {
          windows.push(kept(window));
          return null;
        },
      }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(head(long.length) + long);
    assert.equal(statusOf(await client.response()), 200);
    assert.ok(origin.received.endsWith(long));
    assert.equal(joined(windows), long);
    assert.ok(windows.length >= 4);
    assert.deepEqual(
      windows.map(({ isFirst, isLast }) => [isFirst, isLast]),
      windows.map((_, i) => [i === 0, i === windows.length - 1]),
    );
    for (const [i, { bytes, overlap, position, isWhole }] of windows.entries()) {
      assert.equal(isWhole, false);
      assert.ok(bytes.length - overlap <= windowBytes);
      assert.equal(
        bytes.toString(),
        long.slice(position - overlap, position - overlap + bytes.length),
      );
      assert.equal(overlap, i === 0 ? 0 : 256);
    }
  });

  it('is cut off where a later stretch is stopped', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      edgeFor(origin.url, {
        requestBody: (_about, { bytes }) => (bytes.includes('EVIL') ? stopFor('test/late') : null),
      }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(head(5_000) + 'x'.repeat(1_500));
    const upstream = await origin.connection(0);
    await upstream.until((received) => received.endsWith('xxx'));
    client.send('EVIL');
    assert.equal(statusOf(await client.response()), 403);
    await upstream.untilEnded();
    assert.doesNotMatch(upstream.received, /EVIL/);
  });

  for (const [beyondWindow, status, shown] of [
    ['pass', 200, windowBytes],
    ['block', 413, 0],
  ] as const) {
    it(`beyond the window with ${beyondWindow}: ${status}`, async () => {
      let seen = 0;
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(
        edgeFor(
          origin.url,
          {
            requestBody: (_about, { bytes, overlap }) => {
              seen += bytes.length - overlap;
              return null;
            },
          },
          { beyondWindow },
        ),
      );
      using client = await RawClient.connect(edge.address);
      client.send(head(long.length) + long);
      assert.equal(statusOf(await client.response()), status);
      assert.equal(seen, shown);
      assert.equal(origin.connections.length, status === 200 ? 1 : 0);
    });
  }

  it('may be replaced where it was shown whole, and its length with it', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      edgeFor(origin.url, {
        requestBody: (about) => {
          about.replacedRequestBody = Buffer.from('another body');
          return null;
        },
      }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(`${head(5)}hello`);
    assert.equal(statusOf(await client.response()), 200);
    const request = readOne(origin.received);
    assert.equal(request.body, 'another body');
    assert.deepEqual(fieldValues(request, 'content-length'), ['12']);
  });

  it('is held over HTTP/2 as well', async () => {
    const windows: BodyWindow[] = [];
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...(await http2Edge(origin.url)),
      ...edgeFor(origin.url, {
        requestBody: (_about, window) => {
          windows.push(kept(window));
          return null;
        },
      }),
    });
    using peer = await Http2Peer.greeted(edge.address);
    peer.send(post(1), data(1, 'one ', 0), data(1, 'two'));
    assert.equal((await peer.body(1)).toString(), 'ok');
    assert.equal(joined(windows), 'one two');
    assert.equal(windows.length, 1);
  });
});

describe('a module that waits', () => {
  const waiting = (): { phases: Phases; resumed: Promise<Resume> } => {
    const { promise, resolve } = Promise.withResolvers<Resume>();
    return {
      resumed: promise,
      phases: {
        requestHead: (_about, _window, resume) => {
          resolve(resume);
          return 'wait';
        },
      },
    };
  };
  for (const [name, answer, status] of [
    ['goes on with its body', null, 200],
    ['is stopped', stopFor('test/later'), 403],
  ] as const satisfies readonly (readonly [string, Stop | null, number])[]) {
    it(`holds its request, which ${name} at its word`, async () => {
      const { phases, resumed } = waiting();
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(edgeFor(origin.url, phases));
      using client = await RawClient.connect(edge.address);
      client.send(`${head(5)}he`);
      const resume = await resumed;
      client.send('llo');
      assert.equal(origin.connections.length, 0);
      resume(answer);
      assert.equal(statusOf(await client.response()), status);
      if (status === 200) assert.equal(readOne(origin.received).body, 'hello');
      // Only the first word counts.
      resume(stopFor('test/too-late'));
    });
  }

  it('is told nothing when its client has gone, and may say what it likes', async () => {
    const { phases, resumed } = waiting();
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(edgeFor(origin.url, phases));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const resume = await resumed;
    client.socket.resetAndDestroy();
    await edge.until('weir_requests_total{outcome="aborted"}', 1);
    resume(null);
    assert.equal(origin.connections.length, 0);
  });
});

describe('a response', () => {
  const answer = 'HTTP/1.1 200 OK\r\nServer: old/1.0\r\nContent-Length: 4\r\n\r\nbody';

  it('has its fields set, added and removed', async () => {
    await using origin = await RawOrigin.answering(answer);
    await using edge = await TestEdge.start(
      edgeFor(origin.url, {
        requestHead: (about) => {
          about.editRequest({ kind: 'set', name: 'x-user', value: 'ann' });
          about.editRequest({ kind: 'remove', name: 'accept-encoding', value: '' });
          return null;
        },
        responseHead: (about) => {
          about.editResponse({ kind: 'remove', name: 'server', value: '' });
          about.editResponse({ kind: 'add', name: 'x-a', value: '1' });
          about.editResponse({ kind: 'add', name: 'x-a', value: '2' });
          about.editResponse({ kind: 'set', name: 'x-status', value: `${about.response?.status}` });
          return null;
        },
      }),
    );
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a\r\nX-User: eve\r\nAccept-Encoding: gzip\r\n\r\n');
    const response = await client.response();
    const valuesOf = (name: string): string[] => fieldValues(response, name);
    assert.deepEqual(['server', 'x-a', 'x-status'].map(valuesOf), [[], ['1', '2'], ['200']]);
    assert.equal(response.body, 'body');
    const request = readOne(origin.received);
    assert.deepEqual(fieldValues(request, 'x-user'), ['ann']);
    assert.deepEqual(fieldValues(request, 'accept-encoding'), []);
  });

  for (const name of ['responseHead', 'responseBody'] as const) {
    it(`is answered in its place where ${name} stops it before anything was sent`, async () => {
      await using origin = await RawOrigin.answering(answer);
      await using edge = await TestEdge.start(
        edgeFor(origin.url, { [name]: () => stopFor('test/response') }),
      );
      using client = await RawClient.connect(edge.address);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const response = await client.response();
      assert.equal(statusOf(response), 403);
      assert.doesNotMatch(response.body, /body$/);
    });
  }

  it('streams past its module, and is cut off at what it stops', async () => {
    await using origin = await RawOrigin.start();
    const windows: BodyWindow[] = [];
    await using edge = await TestEdge.start(
      edgeFor(origin.url, {
        responseBody: (_about, window) => {
          windows.push(kept(window));
          return window.bytes.includes('secret') ? stopFor('test/leak') : null;
        },
      }),
    );
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const upstream = await origin.connection(0);
    await upstream.until((received) => received.endsWith('\r\n\r\n'));
    upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst sec');
    await client.until((received) => received.endsWith('first sec'));
    upstream.write('ret');
    const received = await client.untilEnded();
    assert.ok(received.endsWith('first sec'));
    assert.equal(joined(windows), 'first secret');
    assert.equal(edge.sample('weir_requests_total{outcome="failed"}'), 1);
  });

  const replaces: Phases = {
    responseBody: (about, { bytes, isWhole }) => {
      if (isWhole) about.replacedResponseBody = Buffer.from(bytes.toString().toUpperCase());
      return null;
    },
  };
  it('that a filter holds back may get another body', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(edgeFor(origin.url, replaces, {}, true));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const upstream = await origin.connection(0);
    await upstream.until((received) => received.endsWith('\r\n\r\n'));
    upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo');
    upstream.write('dy');
    const response = await client.response();
    assert.equal(response.body, 'BODY');
    assert.deepEqual(fieldValues(response, 'content-length'), []);
  });

  it('goes on as it is where it is longer than can be held', async () => {
    const body = 'b'.repeat(windowBytes * 3);
    await using origin = await RawOrigin.answering(
      `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await using edge = await TestEdge.start(edgeFor(origin.url, replaces, {}, true));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const response = await client.response();
    assert.equal(response.body, body);
    assert.deepEqual(fieldValues(response, 'content-length'), [`${body.length}`]);
  });

  it('to HEAD has no body to look at', async () => {
    let calls = 0;
    await using origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n');
    await using edge = await TestEdge.start(
      edgeFor(origin.url, {
        responseBody: () => {
          calls++;
          return null;
        },
      }),
    );
    using client = await RawClient.connect(edge.address);
    client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(statusOf(await client.response(() => true)), 200);
    assert.equal(calls, 0);
  });
});

describe('verdicts', () => {
  it('a rate that is used up is 429, and says when to come again', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      edgeFor(origin.url, {
        requestHead: () => ({ ...stopFor('test/rate'), kind: 'limited', retryAfterSeconds: 7 }),
      }),
    );
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const response = await client.response();
    assert.equal(statusOf(response), 429);
    assert.deepEqual(fieldValues(response, 'retry-after'), ['7']);
  });

  const scores = (name: string): Filter =>
    phaseFilter(name, {
      requestHead: (about) => {
        about.score += 3;
        return null;
      },
    });

  it('points on a route that watches add up to what is noted, and nothing is stopped', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      edgeWith(origin.url, [scores('one'), scores('two')], { mode: 'monitor', blockAtScore: 6 }),
    );
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(statusOf(await client.response()), 200);
    assert.equal(edge.sample('weir_requests_monitored_total'), 1);
    const [line] = await edge.accessLines(1);
    const verdict = (line as Line | undefined)?.verdict;
    assert.deepEqual([verdict?.rule, verdict?.enforced], ['weir/score', false]);
  });

  it('points of all modules add up to a block', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    for (const [blockAtScore, status] of [
      [6, 403],
      [7, 200],
    ] as const) {
      await using edge = await TestEdge.start(
        edgeWith(origin.url, [scores('one'), scores('two')], { blockAtScore }),
      );
      using client = await RawClient.connect(edge.address);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal(statusOf(await client.response()), status);
    }
  });

  it('monitor mode finds everything and changes nothing', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    let calls = 0;
    const all = (kind: string) => () => {
      calls++;
      return stopFor(`test/${kind}`);
    };
    await using edge = await TestEdge.start(
      edgeFor(
        origin.url,
        {
          requestHead: (about) => {
            about.editRequest({ kind: 'set', name: 'x-user', value: 'ann' });
            about.editResponse({ kind: 'set', name: 'x-seen', value: '1' });
            return all('head')();
          },
          requestBody: (about) => {
            about.replacedRequestBody = Buffer.from('other');
            return all('body')();
          },
          responseHead: all('response-head'),
          responseBody: all('response-body'),
        },
        { mode: 'monitor', beyondWindow: 'block', blockAtScore: 1 },
      ),
    );
    using client = await RawClient.connect(edge.address);
    client.send(`${head(2_000)}${'x'.repeat(2_000)}`);
    const response = await client.response();
    assert.equal(statusOf(response), 200);
    assert.deepEqual(fieldValues(response, 'x-seen'), []);
    const request = readOne(origin.received);
    assert.equal(request.body.length, 2_000);
    assert.deepEqual(fieldValues(request, 'x-user'), []);
    assert.ok(calls >= 4);
    assert.equal(edge.sample('weir_requests_monitored_total'), 1);
    const [line] = await edge.accessLines(1);
    const verdict = (line as Line | undefined)?.verdict;
    assert.deepEqual([verdict?.rule, verdict?.enforced], ['test/head', false]);
  });
});

describe('the log phase', () => {
  it('comes last, once, whatever became of the request', async () => {
    const records: LogRecord[] = [];
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      edgeFor(origin.url, {
        requestHead: ({ request }) => (request.bytes.includes('/bad') ? stopFor('test/bad') : null),
        log: (record) => {
          records.push(record);
        },
      }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(`${head(3)}abc`);
    assert.equal(statusOf(await client.response()), 200);
    client.send('GET /bad HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.responses(2);
    assert.deepEqual(
      records.map(({ status, outcome, bytesIn, rule }) => ({ status, outcome, bytesIn, rule })),
      [
        { status: 200, outcome: 'forwarded', bytesIn: 3, rule: '' },
        { status: 403, outcome: 'blocked', bytesIn: 0, rule: 'test/bad' },
      ],
    );
    assert.ok(records.every(({ durationMs, bytesOut }) => durationMs > 0 && bytesOut > 0));
  });
});
