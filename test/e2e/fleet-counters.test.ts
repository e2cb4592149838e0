/** Limits and counts over three shipped edges: what all together let through, with a bus, without, and again. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { writeMmdb } from '#demo/mmdb-writer.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { type FleetFolder, startFleet } from '../support/fleet-folder.ts';
import { buildTestGuest } from '../support/guests.ts';
import { call } from '../support/http-call.ts';
import { needsNats } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

/** Of the probe's limit. */
const capacity = 30;
const folder = mkdtempSync(join(tmpdir(), 'weir-probe-'));
const file = join(folder, 'probe.wasm');

const ask = async (edge: EdgeProcess, path: string): Promise<number> =>
  (
    await call(`http://127.0.0.1:${edge.ports[0]}`, 'GET', path, {
      headers: { connection: 'close' },
    })
  ).status;
/** How many of so many requests at once were let through. */
async function burst(edge: EdgeProcess, key: string, requests: number): Promise<number> {
  const all = Array.from({ length: requests }, () => ask(edge, `/fleet-limit?${key}`));
  const statuses = await Promise.all(all);
  for (const status of statuses) assert.ok(status === 200 || status === 429, String(status));
  return statuses.filter((status) => status === 200).length;
}
const fleetOf = async (edge: EdgeProcess) =>
  (await edge.call('GET', '/api/v1/status')).body['fleet'] as {
    state: string;
    counters: { used: boolean; shared: boolean };
  };

describe('counts over three nodes', { skip: needsNats() }, () => {
  let fleet: FleetFolder;
  const origin = createServer((_, response) => response.end('ok'));
  let originUrl = '';
  const edges: EdgeProcess[] = [];
  const states = ['a', 'b', 'c'].map(() => mkdtempSync(join(tmpdir(), 'weir-state-')));

  const start = async (index: number): Promise<void> => {
    edges[index] = await startEdgeProcess(
      `
edge:
  workers: ${index === 2 ? 2 : 1}
  trustedProxies: [127.0.0.1]
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams: { app: { servers: [{ url: "${originUrl}" }] } }
routes:
  - { match: { host: "*", path: /limited }, upstream: app, waf: { mode: block, rules: [limits] } }
  - { match: { host: "*", path: / }, upstream: app, waf: { mode: block, rules: [probe] } }
waf:
  rules:
    probe: { module: ${file}, grants: [log, clock, property, kv:worker, kv:fleet, metrics, regex, block, fetch, crypto, databases], fetch: ["http://127.0.0.1:9/"], databases: { geo: ${folder}/geo.mmdb } }
    limits:
      module: builtin:rate-limit
      grants: [kv:fleet]
      config: { limits: [{ id: all, requests: 10, seconds: 86400, scope: fleet }, { id: seen, requests: 20, seconds: 86400, scope: fleet, action: block, status: 418 }] }
rates: [{ name: all, key: [], match: { path: /rated }, limit: 5, perSeconds: 86400, burst: 5, scope: fleet }]
kernel: { xdp: off }
${fleet.section('abc'[index] as string, ', digestMs: 1000, counterSyncMs: 100')}`,
      states[index] as string,
    );
    const edge = edges[index] as EdgeProcess;
    await until('connected', async () => (await fleetOf(edge)).state === 'connected');
  };
  /** Every worker of every node knows that so many were let through. */
  const allKnow = async (key: string, sum: number) => {
    for (const edge of edges)
      for (let times = 0; times < 4; times++)
        await until(
          () => `all know ${sum} of ${key}`,
          async () => (await ask(edge, `/fleet-limited?${key}`)) === 500 + (sum % 100),
        );
  };

  before(async () => {
    writeFileSync(file, await buildTestGuest('host-probe'));
    writeFileSync(join(folder, 'geo.mmdb'), writeMmdb([]));
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
    fleet = await startFleet(['a', 'b', 'c']);
    for (const index of [0, 1, 2]) await start(index);
  });
  after(async () => {
    for (const edge of edges) await edge[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
    origin.close();
    for (const each of [folder, ...states]) rmSync(each, { recursive: true, force: true });
  });

  it('let exactly the limit through where each has heard of the one before', async () => {
    let sum = 0;
    for (const [index, requests] of [
      [0, 11],
      [1, 9],
      [2, 8],
      [0, 12],
      [1, 5],
      [2, 5],
    ] as const) {
      sum += await burst(edges[index] as EdgeProcess, 'turns', requests);
      assert.ok(sum <= capacity);
      await allKnow('turns', sum);
    }
    assert.equal(sum, capacity);
  });

  it('let through at most the limit and what the others let through before they were heard', async () => {
    const each = 4;
    let sum = 0;
    let last = 1;
    while (last > 0) {
      const through = await Promise.all(edges.map((edge) => burst(edge, 'bursts', each)));
      last = through.reduce((total, one) => total + one, 0);
      sum += last;
      await allKnow('bursts', sum);
    }
    // Whoever lets the last through lacks at most a burst of each other node, and of its own other worker.
    const bound = capacity + (edges.length - 1) * each + (each - 1);
    assert.ok(sum >= capacity && sum <= bound, `${sum}`);
  });

  it('hold for the module that ships, whatever it counts', async () => {
    const [a, b, c] = edges as [EdgeProcess, EdgeProcess, EdgeProcess];
    const statuses: number[] = [];
    for (let times = 0; times < 10; times++) statuses.push(await ask(a, '/limited'));
    assert.deepEqual(new Set(statuses), new Set([200]));
    await until('b has heard', async () => (await ask(b, '/limited')) === 429);
    await until('c has heard', async () => (await ask(c, '/limited')) === 429);
  });

  it('hold for a rate of the configuration', async () => {
    const [a, b, c] = edges as [EdgeProcess, EdgeProcess, EdgeProcess];
    const rated = async (edge: EdgeProcess): Promise<number> => {
      const headers = { connection: 'close', 'x-forwarded-for': '192.0.2.1' };
      const url = `http://127.0.0.1:${edge.ports[0]}`;
      return (await call(url, 'GET', '/rated', { headers })).status;
    };
    for (let times = 0; times < 5; times++) assert.equal(await rated(a), 200);
    assert.equal(await rated(a), 429);
    await until('b has heard', async () => (await rated(b)) === 429);
    await until('c has heard', async () => (await rated(c)) === 429);
  });

  it('a node that starts anew is told what it had counted itself', async () => {
    const [a] = edges as [EdgeProcess];
    assert.equal(await burst(a, 'anew', 7), 7);
    await allKnow('anew', 7);
    await a[Symbol.asyncDispose]();
    await start(0);
    await allKnow('anew', 7);
    assert.equal(await burst(edges[0] as EdgeProcess, 'anew', 30), 23);
    await allKnow('anew', 30);
  });

  it('without a bus each counts by itself and says so; then all are in step again', async () => {
    const [a, b] = edges as [EdgeProcess, EdgeProcess];
    await fleet.server.kill();
    for (const edge of edges) {
      await until('it says that it is alone', async () => {
        const { body } = await edge.call('GET', '/api/v1/status');
        return JSON.stringify(body['degraded']).includes('is what this node alone counts');
      });
      assert.equal((await fleetOf(edge)).counters.shared, false);
      assert.match(
        String((await edge.call('GET', '/metrics')).body['text']),
        /^weir_fleet_counters_shared 0$/m,
      );
    }
    assert.equal(await burst(a, 'away', 20), 20);
    assert.equal(await burst(b, 'away', 20), 20, 'b has not heard of a');
    await fleet.server.start();
    await allKnow('away', 40);
    assert.equal(await burst(a, 'away', 5), 0);
    const said = a.log.filter(({ msg }) => String(msg).includes('is what this node alone counts'));
    assert.equal(said.length, 1, 'once');
    assert.match(
      String((await a.call('GET', '/metrics')).body['text']),
      /^weir_fleet_counters_shared 1$/m,
    );
  });
});
