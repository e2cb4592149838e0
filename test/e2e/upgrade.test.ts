/** A new process takes over from a running edge, while clients keep asking. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { until } from '../support/until.ts';

const config = (url: string) => `edge:
  workers: 2
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams: { app: { servers: [{ url: "${url}" }] } }
routes: [{ upstream: app }]`;

const nodeOf = (edge: EdgeProcess): { pid: number } =>
  JSON.parse(readFileSync(join(edge.folder, 'state/edge.json'), 'utf8'));

/** Asks on one connection after another, and on kept-alive ones, until told to stop; counts what fails. */
class Clients {
  answered = 0;
  readonly failures: string[] = [];
  #stopped = false;
  readonly #loops: Promise<void>[];

  constructor(port: number) {
    const kept = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.#loops = [
      this.#loop(port, () => new http.Agent()),
      this.#loop(port, () => new http.Agent()),
      this.#loop(port, () => kept),
    ];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(port: number, agent: () => http.Agent): Promise<void> {
    while (!this.#stopped) {
      try {
        const request = http.get({ host: '127.0.0.1', port, agent: agent() });
        const [response] = (await once(request, 'response')) as [http.IncomingMessage];
        response.resume();
        await once(response, 'end');
        if (response.statusCode === 200) this.answered++;
        else this.failures.push(String(response.statusCode));
      } catch (error) {
        this.failures.push((error as Error).message);
      }
    }
  }
}

describe('an upgrade', () => {
  it('refuses and cuts nothing; state, management and blocks stay', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await startEdgeProcess(config(origin.url));
    const [port] = edge.ports as [number];
    await edge.call('POST', '/api/v1/blocks', { target: '192.0.2.7' });
    const clients = new Clients(port);
    await until('50 answers', () => clients.answered >= 50);

    const before = nodeOf(edge).pid;
    const { status, body } = await edge.call('POST', '/api/v1/upgrade');
    assert.equal(status, 200, JSON.stringify(body));
    assert.notEqual(body['pid'], before);
    assert.equal(nodeOf(edge).pid, body['pid']);
    const answeredThen = clients.answered;
    assert.equal(await edge.exit, 0);
    await until('50 answers more', () => clients.answered >= answeredThen + 50);
    await clients.stop();
    assert.deepEqual(clients.failures, []);

    // By the connection the upgrade was asked for on, if that is kept: it must lead to the new process.
    const live = await edge.call('GET', '/api/v1/status');
    assert.equal(live.body['pid'], body['pid']);
    assert.deepEqual(live.body['degraded'], []);
    const blocks = await edge.call('GET', '/api/v1/blocks');
    assert.equal((blocks.body['entries'] as { target: string }[])[0]?.target, '192.0.2.7');
  });

  it('an idle connection is answered once more by the old process, and told', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await startEdgeProcess(config(origin.url));
    const [port] = edge.ports as [number];
    const socket = net.connect(port, '127.0.0.1');
    let received = '';
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1');
    });
    const request = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
    socket.write(request);
    while (!received.endsWith('ok')) await once(socket, 'data');
    assert.equal((await edge.call('POST', '/api/v1/upgrade')).status, 200);
    socket.write(request);
    await once(socket, 'end');
    socket.end();
    const [, second = ''] = received.split('HTTP/1.1 200').slice(1);
    assert.match(second, /\r\nConnection: close\r\n/);
    assert.equal(await edge.exit, 0);
  });

  it('is given up when the node is told to end meanwhile: nobody takes over', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await startEdgeProcess(config(origin.url));
    const [port] = edge.ports as [number];
    // Keeps the process there until the new one is ready.
    const socket = net.connect(port, '127.0.0.1');
    let received = '';
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1');
    });
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    const upstream = await origin.connection(0);
    const upgrading = edge.call('POST', '/api/v1/upgrade');
    await until(
      'it upgrades',
      async () => (await edge.call('GET', '/api/v1/status')).body['state'] === 'upgrading',
    );
    assert.equal((await edge.call('POST', '/api/v1/drain')).status, 200);
    const { status, body } = await upgrading;
    assert.equal(status, 503, JSON.stringify(body));
    assert.equal((body['error'] as { code: string }).code, 'SHUTTING_DOWN');
    upstream.write(plainAnswer);
    assert.equal(await edge.exit, 0);
    assert.match(received, /^HTTP\/1\.1 200 /);
    assert.equal(existsSync(join(edge.folder, 'state/edge.json')), false);
  });

  it('that cannot be made leaves the old process serving, and says why', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await startEdgeProcess(config(origin.url));
    const file = join(edge.folder, 'edge.yaml');
    const good = readFileSync(file, 'utf8');
    writeFileSync(file, good.replace('upstream: app', 'upstream: gone'));
    const { status, body } = await edge.call('POST', '/api/v1/upgrade');
    assert.equal(status, 502);
    const error = body['error'] as { code: string; message: string; details: string[] };
    assert.equal(error.code, 'UPGRADE_FAILED');
    assert.match(error.details.join(), /no upstream is named "gone"/);
    assert.equal(nodeOf(edge).pid, edge.process.pid);
    assert.equal((await edge.call('POST', '/api/v1/blocks', { target: '192.0.2.8' })).status, 200);
    const response = await fetch(`http://127.0.0.1:${edge.ports[0]}/`);
    assert.equal(await response.text(), 'ok');
    writeFileSync(file, good);
    assert.equal((await edge.call('POST', '/api/v1/upgrade')).status, 200);
    assert.ok(existsSync(file));
  });
});

describe('a worker that is killed', () => {
  it('leaves its listening socket behind: who connects meanwhile waits and is served', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await startEdgeProcess(
      config(origin.url).replace('workers: 2', 'workers: 1'),
    );
    const status = await edge.call('GET', '/api/v1/status');
    const [worker] = status.body['workers'] as { pid: number }[];
    process.kill(worker?.pid as number, 'SIGKILL');
    const response = await fetch(`http://127.0.0.1:${edge.ports[0]}/`);
    assert.equal(await response.text(), 'ok');
  });
});
