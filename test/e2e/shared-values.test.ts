/** What modules share over the node, in two real workers of the shipped edge; and blocks by a module. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { writeMmdb } from '#demo/mmdb-writer.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { buildTestGuest } from '../support/guests.ts';
import { allGrants } from '../support/host-call-harness.ts';
import { until } from '../support/until.ts';

/** One connection, and so one worker. */
class Connection {
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** The status that the probe answers with. */
  ask(path: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    http
      .get(
        { host: '127.0.0.1', port: this.#port, path, headers, agent: this.#agent },
        (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        },
      )
      .on('error', reject);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}

let edge: EdgeProcess;
let origin: http.Server;
let originUrl = '';
let one: Connection;
let two: Connection;

/** A connection whose worker has not seen this key yet. */
async function inNewWorker(key: string): Promise<Connection> {
  for (let tries = 0; tries < 200; tries++) {
    const connection = new Connection(edge.ports[0] as number);
    if ((await connection.ask(`/count/1?${key}`)) === 501) return connection;
    connection.close();
  }
  throw new Error(`two hundred connections, and none reached a worker without ${key}`);
}

before(async () => {
  origin = http.createServer((_request, response) => response.end('a document'));
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  const folder = mkdtempSync(join(tmpdir(), 'weir-probe-'));
  const file = join(folder, 'probe.wasm');
  writeFileSync(file, await buildTestGuest('host-probe'));
  const geo = join(folder, 'geo.mmdb');
  writeFileSync(geo, writeMmdb([['198.51.100.0/24', { country: { iso_code: 'DE' } }]]));
  edge = await startEdgeProcess(`
edge:
  workers: 2
  trustedProxies: [127.0.0.1]
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams:
  app: { servers: [{ url: "http://127.0.0.1:9" }] }
routes:
  - { match: { host: "*", path: / }, upstream: app, waf: { mode: block, rules: [probe] } }
waf:
  rules:
    probe:
      module: ${file}
      grants: ${JSON.stringify(allGrants.filter((grant) => grant !== 'kv:fleet'))}
      fetch: ["${originUrl}/"]
      databases: { geo: ${geo} }
`);
  one = await inNewWorker('found');
  two = await inNewWorker('found');
});

after(async () => {
  one.close();
  two.close();
  await edge[Symbol.asyncDispose]();
  origin.close();
});

describe('two workers share what a module keeps in scope node', () => {
  it('a value that one writes the other reads, and no longer once it is deleted', async () => {
    assert.equal(await one.ask('/keep/2?shared'), 500);
    await until('the value is in the other worker', async () => (await two.ask('/kept/2')) === 403);
    assert.equal(await two.ask('/gone/2'), 500);
    await until('it is gone in the first', async () => (await one.ask('/kept/2')) === 404);
  });

  it('not what it keeps in scope worker', async () => {
    await one.ask('/keep/1?own');
    assert.equal(await one.ask('/kept/1'), 403);
    assert.equal(await two.ask('/kept/1'), 404);
  });

  it('counts, none of them lost', async () => {
    for (let i = 0; i < 20; i++) await Promise.all([one.ask('/count/2?k'), two.ask('/count/2?k')]);
    let asked = 40;
    for (const connection of [one, two])
      await until(
        () => `all ${asked} are counted`,
        async () => (await connection.ask('/count/2?k')) === 500 + (++asked % 100),
      );
  });

  it('token buckets', async () => {
    // 502 is the upstream's, which is not there: let through.
    assert.deepEqual([await one.ask('/limit?b'), await one.ask('/limit?b')], [502, 502]);
    assert.equal(await one.ask('/limit?b'), 429);
    await until('the bucket is empty there too', async () => (await two.ask('/limit?b')) === 429);
  });

  it('with a worker that starts anew', async () => {
    await one.ask('/keep/2?kept');
    await one.ask('/count/2?survives');
    await until('the other has it', async () => (await two.ask('/kept/2')) === 403);
    const status = await edge.call('GET', '/api/v1/status');
    const workers = status.body['workers'] as { pid: number }[];
    const before = workers.map(({ pid }) => pid);
    for (const pid of before) {
      process.kill(pid, 'SIGKILL');
      await edge.logged(({ msg, worker }) => msg === 'worker ended' && worker === pid);
      await until('a new worker is ready', async () => {
        const now = (await edge.call('GET', '/api/v1/status')).body['workers'] as {
          pid: number | null;
          state: string;
        }[];
        return now.every((worker) => worker.state === 'ready' && worker.pid !== pid);
      });
    }
    one.close();
    two.close();
    one = await inNewWorker('again');
    two = await inNewWorker('again');
    for (const connection of [one, two])
      await until('it has it', async () => (await connection.ask('/kept/2')) === 403);
    assert.equal(await one.ask('/count/2?survives'), 502);
  });
});

describe('a process that takes over', () => {
  it('begins with what modules shared in the one before', async () => {
    await two.ask('/gone/2');
    await until('it is gone', async () => (await one.ask('/kept/2')) === 404);
    assert.deepEqual([await one.ask('/limit?up'), await one.ask('/limit?up')], [502, 502]);
    // Told last: where the other worker has it, the supervisor has everything.
    await one.ask('/keep/2?handed-over');
    await until('the supervisor has it', async () => (await two.ask('/kept/2')) === 403);
    const { status } = await edge.call('POST', '/api/v1/upgrade');
    assert.equal(status, 200);
    one.close();
    two.close();
    one = await inNewWorker('upgraded');
    two = await inNewWorker('upgraded');
    for (const connection of [one, two]) {
      assert.equal(await connection.ask('/kept/2'), 403);
      assert.equal(await connection.ask('/limit?up'), 429);
    }
  });
});

describe('a module that fetches', () => {
  it('finds the document among its values, and fresh the next time', async () => {
    await one.ask('/gone/1');
    assert.equal(await one.ask(`/fetch?${originUrl}/document`), 500);
    await until('it is there', async () => (await one.ask('/kept/1')) === 403);
    assert.equal(await one.ask(`/fetch?${originUrl}/document`), 501);
  });

  it('gets nothing from elsewhere', async () => {
    assert.equal(await one.ask('/fetch?http://127.0.0.1:1/'), 599);
    const text = (await edge.call('GET', '/metrics')).body['text'] as string;
    assert.match(text, /weir_module_fetches_total\{module="probe",result="ok"\} 1\n/);
    assert.match(text, /weir_module_fetches_total\{module="probe",result="refused"\} [1-9]/);
  });
});

describe('an address that a module blocks', () => {
  const blocks = async () =>
    (await edge.call('GET', '/api/v1/blocks')).body['entries'] as Record<string, string>[];

  it('is on the block list of the node, with the module as its origin, and in force everywhere', async () => {
    const client = { 'x-forwarded-for': '198.51.100.9' };
    assert.equal(await one.ask('/block', client), 500);
    await until('it is listed', async () => (await blocks()).length === 1);
    const [entry] = await blocks();
    assert.equal(entry?.['target'], '198.51.100.9');
    assert.equal(entry?.['origin'], 'module:probe');
    assert.equal(entry?.['reason'], 'probed');
    for (const connection of [one, two])
      await until('it is blocked', async () => (await connection.ask('/clock', client)) === 403);
  });

  it('is none that the node lives by', async () => {
    assert.equal(await one.ask('/block'), 599);
    assert.equal((await blocks()).length, 1);
  });

  it('keeps a block that lasts longer', async () => {
    const target = '198.51.100.10';
    await edge.call('POST', '/api/v1/blocks', { target, reason: 'by hand' });
    await one.ask('/block', { 'x-forwarded-for': target });
    const entry = (await blocks()).find((each) => each['target'] === target);
    assert.equal(entry?.['reason'], 'by hand');
    assert.equal(entry?.['expiresAt'], null);
  });

  it('can be looked up in a database that the module was granted', async () => {
    assert.equal(await one.ask('/lookup', { 'x-forwarded-for': '198.51.100.1' }), 403);
    assert.equal(await one.ask('/lookup', { 'x-forwarded-for': '198.51.101.1' }), 404);
  });

  it('is counted, as are those that were refused', async () => {
    const text = (await edge.call('GET', '/metrics')).body['text'] as string;
    assert.match(text, /weir_module_blocks_total\{module="probe",result="accepted"\} 1\n/);
    assert.match(text, /weir_module_blocks_total\{module="probe",result="protected"\} 1\n/);
    assert.match(text, /weir_module_host_calls_total\{module="probe",call="block_address"\} 2\n/);
    assert.match(text, /weir_module_custom_total\{module="probe",name="seen"\} 0\n/);
  });
});
