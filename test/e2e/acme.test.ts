/** The shipped edge obtains certificates from an ACME server on this machine, shows and renews them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { AcmeServer, type AcmeServerOptions } from '../support/acme-server.ts';
import { type EdgeProcess, mainFile, startEdgeProcess } from '../support/edge-process.ts';
import { until } from '../support/until.ts';

const origin = http.createServer((_request, response) => response.end('hello'));
let originUrl = '';

before(async () => {
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
});
after(() => origin.close());

/** An authority and an edge that asks it; nothing is proved before `open`. */
class Bench implements AsyncDisposable {
  readonly server: AcmeServer;
  readonly folder: string;
  readonly #ports: PromiseWithResolvers<number>[];
  edge: EdgeProcess;

  private constructor(
    server: AcmeServer,
    folder: string,
    ports: PromiseWithResolvers<number>[],
    edge: EdgeProcess,
  ) {
    this.server = server;
    this.folder = folder;
    this.#ports = ports;
    this.edge = edge;
  }

  static async start(acme: string, options: AcmeServerOptions = {}, workers = 2): Promise<Bench> {
    const folder = mkdtempSync(join(tmpdir(), 'weir-acme-'));
    const ports = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    const server = await AcmeServer.start({
      httpPort: ports[0]?.promise as Promise<number>,
      tlsPort: ports[1]?.promise as Promise<number>,
      ...options,
    });
    writeFileSync(join(folder, 'root.pem'), server.authority.root);
    const config = configOf(server, folder, acme).replace('workers: 2', `workers: ${workers}`);
    const edge = await startEdgeProcess(config, join(folder, 'state'));
    return new Bench(server, folder, ports, edge);
  }

  open(): void {
    for (const [index, port] of this.#ports.entries()) port.resolve(this.edge.ports[index] ?? 0);
  }

  /** Until the server has been called that many times more: the client goes on where it stood. */
  async called(call: string, times: number): Promise<void> {
    const wanted = this.server.count(call) + times;
    await until(`${wanted} times ${call}`, () => this.server.count(call) >= wanted);
  }

  live(): Promise<Record<string, unknown>> {
    return this.edge.logged(({ msg }) => msg === 'certificate live');
  }

  async restart(acme: string): Promise<void> {
    await this.edge[Symbol.asyncDispose]();
    const config = configOf(this.server, this.folder, acme);
    this.edge = await startEdgeProcess(config, join(this.folder, 'state'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.edge[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const configOf = (server: AcmeServer, folder: string, acme: string): string => `
acme:
  directory: "${server.directory}"
  ca: ${folder}/root.pem
  email: ops@example.org
  agreeToTerms: true
  ${acme}
edge:
  workers: 2
  listeners:
    - { address: "127.0.0.1:0", redirect: https }
    - address: "127.0.0.1:0"
      tls:
        certificates:
          - { acme: [example.org, www.example.org] }
          - { cert: site.crt, key: site.key }
upstreams: { app: { servers: [{ url: "${originUrl}" }] } }
routes: [{ upstream: app }]
`;

type Shown = { readonly sha256: string; readonly isTrusted: boolean };

/** The certificate a handshake for this name shows; rejects with OpenSSL's word for a refusal. */
function shown(bench: Bench, servername: string): Promise<Shown> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: bench.edge.ports[1] ?? 0,
      servername,
      ca: bench.server.authority.root,
      rejectUnauthorized: false,
    });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      const { fingerprint256 } = socket.getPeerCertificate();
      const sha256 = fingerprint256.replaceAll(':', '').toLowerCase();
      const isTrusted = socket.authorized;
      socket.on('close', () => resolve({ sha256, isTrusted }));
      socket.resume();
      socket.end();
    });
  });
}

function get(bench: Bench, host: string, agent: https.Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = https.get(
      { host: '127.0.0.1', port: bench.edge.ports[1], servername: host, headers: { host }, agent },
      (response) => {
        let body = '';
        response.setEncoding('latin1').on('data', (text) => (body += text));
        response.on('end', () => resolve(`${response.statusCode} ${body}`));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
  });
}

async function weir(bench: Bench, ...argv: string[]): Promise<{ code: number; stdout: string }> {
  const child = spawn(process.execPath, [mainFile, ...argv, '--state', bench.edge.state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  const [code] = await once(child, 'close');
  return { code: code as number, stdout };
}

const refused = { code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME' };

describe('an edge that asks for its certificates', () => {
  for (const challenge of ['http-01', 'tls-alpn-01'] as const) {
    it(`obtains one by ${challenge} while other names are served`, async () => {
      await using bench = await Bench.start(`challenge: ${challenge}`);
      await assert.rejects(shown(bench, 'www.example.org'), refused);
      const other = await shown(bench, 'localhost');
      assert.equal(other.isTrusted, false);
      const before = (await bench.edge.call('GET', '/api/v1/status')).body;
      assert.match(JSON.stringify(before['degraded']), /no certificate for example\.org/);

      bench.open();
      await bench.live();
      const page = await shown(bench, 'www.example.org');
      assert.equal(page.isTrusted, true);
      assert.deepEqual(await shown(bench, 'localhost'), other);
      assert.deepEqual(
        bench.server.validated.map(({ type, problem }) => [type, problem]),
        [
          [challenge, null],
          [challenge, null],
        ],
      );
      const { body } = await bench.edge.call('GET', '/api/v1/status');
      assert.deepEqual(body['degraded'], []);
      const [certificate] = body['certificates'] as Record<string, unknown>[];
      assert.equal(certificate?.['state'], 'valid');
      assert.equal(certificate?.['sha256'], page.sha256);
      const metrics = String((await bench.edge.call('GET', '/metrics')).body['text']);
      assert.ok(metrics.includes(`weir_acme_proofs_total{challenge="${challenge}"} 2`));
      assert.ok(metrics.includes('weir_certificate_renewals_total{result="ok"} 1'));
      assert.ok(metrics.includes('weir_certificates{state="valid"} 1'));
      assert.match(metrics, /weir_tls_handshakes_failed_total\{[^}]*"name"[^}]*\} [1-9]/);
    });
  }

  it('renews while requests flow, and not one fails', async () => {
    await using bench = await Bench.start('challenge: auto');
    bench.open();
    await bench.live();
    const first = await shown(bench, 'example.org');
    const trust = { ca: bench.server.authority.root };
    const kept = new https.Agent({ keepAlive: true, maxSockets: 4, ...trust });
    const fresh = new https.Agent({ keepAlive: false, maxCachedSessions: 0, ...trust });
    const answers = new Map<string, number>();
    let isOver = false;
    const flow = async (agent: https.Agent, host: string) => {
      while (!isOver) {
        const answer = await get(bench, host, agent).catch((error: Error) => error.message);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    };
    const flows = [
      flow(kept, 'example.org'),
      flow(kept, 'www.example.org'),
      flow(fresh, 'example.org'),
      flow(fresh, 'www.example.org'),
    ];
    const hashes = new Set([first.sha256]);
    for (const name of ['example.org', 'www.example.org']) {
      const { code, stdout } = await weir(bench, 'cert', 'renew', name);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^example\.org, www\.example\.org: renewed, valid until/);
      hashes.add((await shown(bench, 'example.org')).sha256);
    }
    isOver = true;
    await Promise.all(flows);
    kept.destroy();
    assert.equal(hashes.size, 3);
    assert.deepEqual([...answers.keys()], ['200 hello']);
    assert.ok((answers.get('200 hello') ?? 0) > 50);
  });

  it('renews by itself before the certificate ends', async () => {
    await using bench = await Bench.start('challenge: auto', { lifeMs: 6_000 });
    bench.open();
    const { sha256 } = await bench.live();
    await bench.edge.logged(
      (line) => line['msg'] === 'certificate live' && line['sha256'] !== sha256,
    );
    const now = await shown(bench, 'example.org');
    assert.notEqual(now.sha256, sha256);
    assert.equal(now.isTrusted, true);
  });

  for (const challenge of ['http-01', 'tls-alpn-01'] as const) {
    it(`a worker that takes another's place answers ${challenge} too`, async () => {
      await using bench = await Bench.start(`challenge: ${challenge}`, {}, 1);
      // Reading both names, and then asking again: the challenges are live.
      await bench.called('POST /authorization', 1);
      const { body } = await bench.edge.call('GET', '/api/v1/status');
      const [worker] = body['workers'] as { pid: number }[];
      process.kill(worker?.pid as number, 'SIGKILL');
      await bench.edge.logged(
        (line) => line['msg'] === 'worker ready' && line['worker'] !== worker?.pid,
      );
      bench.open();
      await bench.live();
      assert.deepEqual(
        bench.server.validated.map(({ problem }) => problem),
        [null, null],
      );
    });
  }

  it('tells the authority nothing before every worker has confirmed', async () => {
    await using bench = await Bench.start('challenge: auto');
    bench.open();
    await bench.live();
    const { body } = await bench.edge.call('GET', '/api/v1/status');
    const [worker] = body['workers'] as { pid: number }[];
    const told = bench.server.count('POST /challenge');
    const read = bench.called('POST /authorization', 2);
    process.kill(worker?.pid as number, 'SIGSTOP');
    try {
      const renewed = weir(bench, 'cert', 'renew', 'example.org');
      await read;
      await bench.server.settle();
      assert.equal(bench.server.count('POST /challenge'), told);
      process.kill(worker?.pid as number, 'SIGCONT');
      assert.equal((await renewed).code, 0);
    } finally {
      process.kill(worker?.pid as number, 'SIGCONT');
    }
  });

  it('goes on with an order when a new process takes its place', async () => {
    await using bench = await Bench.start('challenge: auto');
    await bench.called('POST /authorization', 1);
    const { status, body } = await bench.edge.call('POST', '/api/v1/upgrade');
    assert.equal(status, 200, JSON.stringify(body));
    // Both names, and then asking again.
    await bench.called('POST /authorization', 3);
    bench.open();
    // The log we read ended with the first process; and a certificate that is valid may not be live yet.
    await until('the certificate is shown', async () => {
      const page = await shown(bench, 'example.org').catch(() => null);
      return page?.isTrusted === true;
    });
    assert.equal(bench.server.count('POST /new-order'), 1);
    assert.equal(bench.server.accountsMade, 1);
  });

  it('shows what it has after a restart, without asking for more', async () => {
    await using bench = await Bench.start('challenge: auto');
    bench.open();
    await bench.live();
    const before = await shown(bench, 'example.org');
    await bench.restart('challenge: auto');
    assert.deepEqual(await shown(bench, 'example.org'), before);
    assert.equal(bench.server.issued.length, 1);
    const { stdout } = await weir(bench, 'cert', 'list');
    assert.match(stdout, /example\.org, www\.example\.org {2}valid/);
    assert.match(
      (await weir(bench, 'status')).stdout,
      /certificates +example\.org, www\.example\.org {2}valid/,
    );
  });

  it('takes other names over at a reload, and keeps the old ones shown meanwhile', async () => {
    await using bench = await Bench.start('challenge: auto');
    bench.open();
    await bench.live();
    const file = join(bench.edge.folder, 'edge.yaml');
    const more = configOf(bench.server, bench.folder, 'challenge: auto').replace(
      'acme: [example.org, www.example.org]',
      'acme: [example.org, shop.example.org]',
    );
    writeFileSync(
      file,
      `${more}\naccessLog: { to: access.log }\nadmin: { address: "127.0.0.1:0" }\nstate: ${bench.edge.state}\n`,
    );
    const answer = await bench.edge.call('POST', '/api/v1/reload', {});
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal((await shown(bench, 'example.org')).isTrusted, true);
    await bench.edge.logged(
      (line) => line['msg'] === 'certificate live' && JSON.stringify(line).includes('shop.'),
    );
    assert.equal((await shown(bench, 'shop.example.org')).isTrusted, true);
  });

  it('says what went wrong, and which name nobody manages', async () => {
    await using bench = await Bench.start('challenge: tls-alpn-01');
    bench.server.faults.refusedNames.add('example.org');
    bench.open();
    await bench.edge.logged(({ msg }) => msg === 'certificate not obtained');
    const { code, stdout } = await weir(bench, 'cert', 'renew', 'example.org');
    assert.equal(code, 1);
    assert.match(stdout, /tls-alpn-01 proof of example\.org: no such host/);
    assert.match((await weir(bench, 'status')).stdout, /degraded +certificate example\.org/);
    const unknown = await bench.edge.call('POST', '/api/v1/certificates/other.org/renew', {});
    assert.equal(unknown.status, 404);
    await assert.rejects(shown(bench, 'example.org'), refused);
  });
});
