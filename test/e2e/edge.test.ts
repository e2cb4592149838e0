/** The edge as a user runs it: real processes, real sockets, the shop behind it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { LoadClient } from '../../bench/support/load-client.ts';
import { buildRules } from '../../scripts/build-rules.ts';
import { startShop } from '../../src/demo/shop.ts';
import { type EdgeProcess, restamped, root, startEdgeProcess } from '../support/edge-process.ts';

const pageRequest =
  'GET /healthz HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0\r\n\r\n';
let shop: Awaited<ReturnType<typeof startShop>>;

before(async () => {
  await buildRules({ log: () => {} });
  shop = await startShop({ address: '127.0.0.1:0' });
});
after(() => shop.close());

const edgeConfig = (extra: { rules?: string; limits?: string; workers?: number } = {}): string => `
edge:
  workers: ${extra.workers ?? 2}
  listeners:
    - { address: "127.0.0.1:0", plaintext: true }
    - { address: "127.0.0.1:0", tls: { certificates: [{ cert: site.crt, key: site.key }] } }
  ${extra.limits ?? ''}
upstreams: { shop: { servers: [{ url: "${shop.url}" }] } }
routes: [{ upstream: shop, waf: { rules: [bad-bot, path-traversal] } }]
waf:
  canaryMs: 20
  rules:
    bad-bot: ${extra.rules ?? '{ module: "builtin:bad-bot" }'}
    path-traversal: { module: "builtin:path-traversal" }
`;

const module = (name: string): Uint8Array => readFileSync(join(root, `build/rules/${name}.wasm`));

type Answer = { status: number; headers: http.IncomingHttpHeaders; body: string };

function get(
  edge: EdgeProcess,
  path: string,
  headers: Record<string, string> = {},
  tls = false,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: edge.ports[tls ? 1 : 0],
      path,
      headers,
      agent: false,
    };
    const request = tls
      ? https.get({ ...options, ca: edge.certificate, servername: 'localhost' })
      : http.get(options);
    request.on('error', reject).on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
      response.on('error', reject);
    });
  });
}

describe('an edge with the shop behind it', () => {
  it('serves over TLS, blocks by rule with a request id, and logs both', async () => {
    await using edge = await startEdgeProcess(edgeConfig());
    const page = await get(edge, '/', {}, true);
    assert.equal(page.status, 200);
    assert.match(page.headers['content-type'] ?? '', /text\/html/);
    const attack = await get(edge, '/search?q=../../../etc/passwd', { accept: 'text/html' }, true);
    assert.equal(attack.status, 403);
    assert.ok(
      attack.body.includes(attack.headers['x-request-id'] as string),
      'the page carries the request id',
    );
    const bot = await get(edge, '/', { 'user-agent': 'sqlmap/1.8' }, true);
    assert.equal(bot.status, 403);
    const status = await edge.call('GET', '/api/v1/status');
    assert.deepEqual(status.body['requests'], {
      total: 3,
      blocked: 2,
      monitored: 0,
      upstreamErrors: 0,
    });
    edge.process.kill('SIGTERM');
    assert.equal(await edge.exit, 0);
    const lines = edge.accessLines();
    assert.deepEqual(lines.map((line) => line['status']).sort(), [200, 403, 403]);
    const blocked = lines.find((line) => line['id'] === attack.headers['x-request-id']);
    assert.match(
      (blocked?.['verdict'] as { rule: string } | undefined)?.rule ?? '',
      /^path-traversal\//,
    );
  });

  it('hot-loads a module under load without a failed request, live in every worker', async () => {
    await using edge = await startEdgeProcess(edgeConfig());
    const load = new LoadClient({
      host: '127.0.0.1',
      port: edge.ports[0] as number,
      connections: 8,
      request: pageRequest,
      expectStatus: 200,
      requestsMax: Number.POSITIVE_INFINITY,
      answerMs: 10_000,
    });
    const running = load.run();
    const bytes = module('bad-bot');
    for (let i = 1; i <= 20; i++) {
      const loaded = await edge.call(
        'POST',
        '/api/v1/modules/bad-bot',
        restamped(bytes, `version ${i}`),
      );
      assert.equal(loaded.status, 200, JSON.stringify(loaded.body));
      assert.equal(loaded.body['generation'], i + 1);
      assert.equal(loaded.body['workers'], 2);
    }
    load.stop();
    const result = await running;
    assert.deepEqual(result.failures, {});
    assert.ok(result.answered > 100, `${result.answered} answered`);
    assert.equal((await get(edge, '/', { 'user-agent': 'nikto' })).status, 403);
  });

  it('emits the metrics that are documented, and no others', async () => {
    await using edge = await startEdgeProcess(edgeConfig());
    await get(edge, '/healthz');
    const { body } = await edge.call('GET', '/metrics');
    const emitted = [...String(body['text']).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    const page = readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8');
    const documented = [...page.matchAll(/^\| `(\S+)` \| (\S+) \|/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    // Series by module, or by version and suite, are made when there is something to count; no packet program runs
    // here, the node is in no fleet and follows no lists, and an orchestrator has a page of its own. A delay is there after five seconds.
    const later =
      /^weir_(?:worker_loop_delay_p99_seconds|module_(?:failures|host_calls|evicted|log_dropped|fetches|blocks|custom)_total|module_custom|module_load_seconds|tls_handshakes_total|limits_reached_total|shield_(?:bytes_total|list_entries|lost_total|packets_total|syn_cookies)|(?:behaviour|crowdsec|feed|fleet|orchestrator|rates|shadow)_[a-z_]+|events_(?:total|sent_total|send_failures_total|unsent_total|waiting)) /;
    const now = (names: string[]) => names.filter((name) => !later.test(name)).sort();
    assert.deepEqual(now(emitted), now(documented));
    assert.deepEqual(
      emitted.filter((name) => !documented.includes(name)),
      [],
    );
    assert.match(String(body['text']), /^weir_requests_total\{outcome="forwarded"\} 1$/m);
    assert.match(String(body['text']), /^weir_responses_total\{code="200"\} 1$/m);
  });

  it('keeps the module that is live when a new one is refused, and says why', async () => {
    await using edge = await startEdgeProcess(edgeConfig());
    const refused = await edge.call('POST', '/api/v1/modules/bad-bot', Buffer.from('not wasm'));
    assert.equal(refused.status, 422);
    assert.equal((refused.body['error'] as { code: string }).code, 'MODULE_INVALID');
    const unknown = await edge.call('POST', '/api/v1/modules/other', module('bad-bot'));
    assert.match((unknown.body['error'] as { message: string }).message, /bad-bot, path-traversal/);
    assert.equal((await get(edge, '/', { 'user-agent': 'nikto' })).status, 403);
    const { body } = await edge.call('GET', '/api/v1/status');
    assert.equal((body['config'] as { generation: number }).generation, 1);
  });

  it('loads a watched module when its file changes', async () => {
    const own = edgeConfig({ rules: '{ module: own.wasm, watch: true }' });
    await assert.rejects(startEdgeProcess(own), /own\.wasm/);
    const allowing = readFileSync(join(root, 'build/rules/path-traversal.wasm'));
    const folder = `${root}build/test-watch-${process.pid}`;
    mkdirSync(folder, { recursive: true });
    after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(`${folder}/own.wasm`, allowing);
    await using edge = await startEdgeProcess(
      edgeConfig({ rules: `{ module: ${folder}/own.wasm, watch: true }` }),
    );
    assert.equal((await get(edge, '/', { 'user-agent': 'sqlmap' })).status, 200);
    writeFileSync(`${folder}/next`, module('bad-bot'));
    renameSync(`${folder}/next`, `${folder}/own.wasm`);
    await edge.logged(({ msg, module: name }) => msg === 'module live' && name === 'bad-bot');
    assert.equal((await get(edge, '/', { 'user-agent': 'sqlmap' })).status, 403);
    writeFileSync(`${folder}/own.wasm`, 'broken');
    await edge.logged(
      ({ msg, degraded }) => msg === 'degraded' && degraded === 'module bad-bot (watched)',
    );
    assert.equal((await get(edge, '/', { 'user-agent': 'sqlmap' })).status, 403);
  });

  it('replaces a killed worker; only requests in flight on it fail', async () => {
    await using edge = await startEdgeProcess(edgeConfig());
    const connections = 8;
    const load = new LoadClient({
      host: '127.0.0.1',
      port: edge.ports[0] as number,
      connections,
      request: pageRequest,
      expectStatus: 200,
      requestsMax: Number.POSITIVE_INFINITY,
      answerMs: 10_000,
    });
    const running = load.run();
    const workersOf = async () =>
      (await edge.call('GET', '/api/v1/status')).body['workers'] as {
        pid: number;
        state: string;
        restarts: number;
      }[];
    const [victim] = await workersOf();
    process.kill(victim?.pid ?? -1, 'SIGKILL');
    await edge.logged(
      ({ msg, slot, worker }) => msg === 'worker ready' && slot === 0 && worker !== victim?.pid,
    );
    const [heir] = await workersOf();
    assert.deepEqual([heir?.state, heir?.restarts], ['ready', 1]);
    load.stop();
    const result = await running;
    assert.ok(
      result.failed <= connections,
      `${result.failed} failed: ${JSON.stringify(result.failures)}`,
    );
    assert.ok(result.answered > 0);
  });

  it('cuts a blocked address at accept, keeps the block over a restart of a worker, and lets it in again', async () => {
    await using edge = await startEdgeProcess(edgeConfig());
    const from = (localAddress: string) =>
      new Promise<string>((resolve) => {
        const socket = net.connect({
          host: '127.0.0.1',
          port: edge.ports[0] as number,
          localAddress,
        });
        let text = '';
        socket.on('connect', () =>
          socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
        );
        socket.on('data', (bytes) => {
          text += bytes.toString('latin1');
        });
        socket.on('error', () => resolve('cut'));
        socket.on('close', () => resolve(text === '' ? 'cut' : text.slice(0, 12)));
      });
    assert.equal(await from('127.0.0.7'), 'HTTP/1.1 200');
    const added = await edge.call('POST', '/api/v1/blocks', {
      target: '127.0.0.0/29',
      ttlSeconds: 3_600,
      reason: 'test',
    });
    assert.deepEqual(
      [added.status, added.body['workers'], added.body['count']],
      [200, 2, 1],
      JSON.stringify(added.body),
    );
    assert.equal(await from('127.0.0.7'), 'cut');
    assert.equal(await from('127.0.0.9'), 'HTTP/1.1 200');
    const { body } = await edge.call('GET', '/api/v1/status');
    for (const { pid } of body['workers'] as { pid: number }[]) process.kill(pid, 'SIGKILL');
    await edge.logged(() => edge.log.filter(({ msg }) => msg === 'worker ready').length === 4);
    assert.equal(await from('127.0.0.7'), 'cut');
    const removed = await edge.call(
      'DELETE',
      `/api/v1/blocks/${encodeURIComponent('127.0.0.0/29')}`,
    );
    assert.equal(removed.body['removed'], true);
    assert.equal(await from('127.0.0.7'), 'HTTP/1.1 200');
  });

  it('reloads all or nothing: a bad file changes nothing, a good one is live at once', async () => {
    await using edge = await startEdgeProcess(edgeConfig());
    const file = join(edge.folder, 'edge.yaml');
    const good = readFileSync(file, 'utf8');
    writeFileSync(file, good.replace('upstream: shop', 'upstream: nobody'));
    const refused = await edge.call('POST', '/api/v1/reload');
    assert.equal(refused.status, 422);
    assert.match(JSON.stringify(refused.body), /nobody/);
    assert.equal((await get(edge, '/', { 'user-agent': 'nikto' })).status, 403);
    writeFileSync(
      file,
      good.replace(
        'rules: [bad-bot, path-traversal]',
        'mode: monitor, rules: [bad-bot, path-traversal]',
      ),
    );
    const reloaded = await edge.call('POST', '/api/v1/reload');
    assert.deepEqual(
      [reloaded.status, reloaded.body['workers'], reloaded.body['changed']],
      [200, 2, ['routes[0].waf.mode']],
    );
    assert.equal((await get(edge, '/', { 'user-agent': 'nikto' })).status, 200);
    writeFileSync(file, good.replace('to: access.log', 'to: .'));
    const unwritable = await edge.call('POST', '/api/v1/reload');
    assert.notEqual(unwritable.status, 200);
    assert.match(JSON.stringify(unwritable.body), /EISDIR/);
    writeFileSync(file, good.replace('workers: 2', 'workers: 3'));
    const restart = await edge.call('POST', '/api/v1/reload');
    assert.equal(restart.status, 409);
    assert.match(JSON.stringify(restart.body), /edge\.workers/);
  });

  it('streams a gigabyte each way with flat memory', async () => {
    const size = 2 ** 30;
    await using edge = await startEdgeProcess(
      edgeConfig({ limits: `limits: { bodyBytesMax: ${2 * size} }`, workers: 1 }),
    );
    const { body } = await edge.call('GET', '/api/v1/status');
    const worker = (body['workers'] as { pid: number }[])[0]?.pid ?? -1;
    const resident = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${worker}/status`, 'utf8'))?.[1]) / 1_024;
    await get(edge, '/healthz');
    const atStart = resident();
    let peak = atStart;
    const piece = Buffer.alloc(1 << 20, 'weir');
    let sent = 0;
    const source = new Readable({
      highWaterMark: 1 << 20,
      read() {
        peak = Math.max(peak, resident());
        if (sent === size) this.push(null);
        else {
          sent += piece.length;
          this.push(piece);
        }
      },
    });
    const expected = createHash('sha256');
    for (let i = 0; i < size / piece.length; i++) expected.update(piece);
    const uploaded = await new Promise<string>((resolve, reject) => {
      const request = http.request({
        host: '127.0.0.1',
        port: edge.ports[0],
        path: '/upload',
        method: 'POST',
        agent: false,
      });
      request.on('error', reject).on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        response.on('end', () => resolve(text));
      });
      source.pipe(request);
    });
    const { bytes, sha256 } = JSON.parse(uploaded) as { bytes: number; sha256: string };
    assert.equal(bytes, size);
    assert.equal(sha256, expected.digest('hex'));
    const received = await new Promise<number>((resolve, reject) => {
      http
        .get(
          { host: '127.0.0.1', port: edge.ports[0], path: `/bytes/${size}`, agent: false },
          (response) => {
            let count = 0;
            response.on('data', (part: Buffer) => {
              count += part.length;
              peak = Math.max(peak, resident());
            });
            response.on('end', () => resolve(count)).on('error', reject);
          },
        )
        .on('error', reject);
    });
    assert.equal(received, size);
    // Far less than what went through; how much is garbage not yet collected depends on the machine's load.
    assert.ok(
      peak - atStart < 192,
      `resident memory went from ${atStart.toFixed(0)} to ${peak.toFixed(0)} MB`,
    );
  });

  it('passes WebSocket frames and server-sent events through as they come', async () => {
    await using edge = await startEdgeProcess(edgeConfig());
    const socket = new WebSocket(`ws://127.0.0.1:${edge.ports[0]}/ws/echo`);
    const echoed = await new Promise((resolve, reject) => {
      socket.addEventListener('open', () => socket.send('hello weir'));
      socket.addEventListener('message', (event) => {
        if (String(event.data).includes('hello weir')) resolve(event.data);
      });
      socket.addEventListener('error', reject);
    });
    assert.match(String(echoed), /hello weir/);
    socket.close();
    const events = await fetch(`http://127.0.0.1:${edge.ports[0]}/events`);
    assert.match(events.headers.get('content-type') ?? '', /text\/event-stream/);
    const reader = events.body?.getReader();
    const first = await reader?.read();
    assert.ok((first?.value?.length ?? 0) > 0);
    await reader?.cancel();
  });

  it('drains on SIGTERM: the request in flight finishes, then the process exits with 0', async () => {
    await using edge = await startEdgeProcess(edgeConfig());
    const request = http.request({
      host: '127.0.0.1',
      port: edge.ports[0],
      path: '/upload',
      method: 'POST',
      agent: false,
      headers: { expect: '100-continue', 'content-length': 4 },
    });
    request.flushHeaders();
    // The edge says continue when rules have passed and an upstream connection stands.
    await once(request, 'continue');
    edge.process.kill('SIGTERM');
    await edge.logged(({ msg }) => msg === 'draining');
    request.end('weir');
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers.connection, 'close');
    answer.resume();
    assert.equal(await edge.exit, 0);
  });
});
