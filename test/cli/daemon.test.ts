/** Commands against a management API that really listens, each as a process of its own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { type AdminServer, startAdmin } from '#admin/server.ts';
import { WeirError } from '#core/errors.ts';
import { moduleBytesMax } from '#core/module-files.ts';
import { type CliResult, runCliProcess } from '../support/cli-process.ts';
import { FakeControl, worker } from '../support/fake-control.ts';

const token = 'a-token-for-tests-0123456789';
let directory: string;
let state: string;
let control: FakeControl;
let server: AdminServer;

before(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'weir-cli-')));
  state = join(directory, '.weir');
  await mkdir(join(directory, 'deep/below'), { recursive: true });
  control = new FakeControl();
  server = await startAdmin({
    control,
    address: '127.0.0.1:0',
    token,
    logger: pino({ level: 'silent' }),
  });
  await writeState(state, { admin: server.address });
});
after(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});
beforeEach(() => {
  control.calls.length = 0;
  control.blocks.clear();
  control.rules.entries = [];
  control.rules.problem = null;
  control.rules.version = 0;
  control.failWith = null;
  control.degraded = [];
  control.upstreams = [];
  control.workers = [worker(0, 'ready'), worker(1, 'ready')];
});

async function writeState(
  where: string,
  given: { admin: string; pid?: number; token?: string },
): Promise<void> {
  await mkdir(where, { recursive: true });
  const run = {
    pid: given.pid ?? process.pid,
    admin: given.admin,
    startedAt: '2026-01-02T03:04:05Z',
    version: '0.1.0',
  };
  await writeFile(join(where, 'edge.json'), JSON.stringify(run), { mode: 0o600 });
  await writeFile(join(where, 'token'), `${given.token ?? token}\n`, { mode: 0o600 });
}

const weir = (...argv: string[]): Promise<CliResult> => runCliProcess(argv, { cwd: directory });

describe('a running node', () => {
  const commands = [
    { argv: ['status'], calls: 'status', says: /^weir 0\.1\.0 {2}ready {2}up 1d 2h/ },
    {
      argv: ['reload'],
      calls: 'reload',
      says: /generation 4 .*live in 2 workers; changed:\n {2}routes\[0\]\.upstream/,
    },
    {
      argv: ['drain'],
      calls: 'drain',
      says: /draining with 3 open connections, and ends by 2026-01-02 03:05:05Z/,
    },
    { argv: ['stop'], calls: 'stop 10000', says: /draining, and ends by/ },
    { argv: ['stop', '--grace', '2s'], calls: 'stop 2000', says: /draining/ },
    {
      argv: ['module', 'list'],
      calls: 'listModules',
      says: /^NAME .*\ncore +1 +live +0123456789ab +4,096 +config/,
    },
    {
      argv: ['module', 'history', 'core'],
      calls: 'moduleHistory core',
      says: /^VERSION .*\n3 +failed .*trap: unreachable\n2 +live .* build +7 .*\n1 +ready/,
    },
    {
      argv: ['module', 'rollback', 'core'],
      calls: 'rollbackModule core null',
      says: /^core is version 1, 0123456789ab .*was efefefefefef; generation 4 is live in 2 workers/,
    },
    {
      argv: ['module', 'rollback', 'core', '--to', '3'],
      calls: 'rollbackModule core 3',
      says: /^core is version 3/,
    },
    {
      argv: ['module', 'remove', 'core', '--version', '2'],
      calls: 'removeModule core 2',
      says: /^version 2 of core \(0123456789ab, retired\) is removed/,
    },
    { argv: ['block', 'list'], calls: 'listBlocks', says: /^0 blocks, version 7/ },
    {
      argv: ['block', 'add', '2001:db8::/32'],
      calls: 'addBlock',
      says: /2001:db8::\/32 is blocked until it is removed/,
    },
    { argv: ['rule', 'list'], calls: 'rules.list', says: /^0 rules, version \d+/ },
    {
      argv: ['rule', 'add', '--port', '22', '--action', 'drop'],
      calls: 'rules.add',
      says: /^rule 1: --action drop \(1 rule, version \d+, in force in the kernel\)/,
    },
    { argv: ['rule', 'clear'], calls: 'rules.clear', says: /^all rules are deleted \(0 rules/ },
  ];
  for (const { argv, calls, says } of commands) {
    it(`weir ${argv.join(' ')} speaks to people and, with --json, to programs`, async () => {
      const text = await weir(...argv);
      assert.deepEqual([text.exit, text.stderr], [0, '']);
      assert.match(text.stdout, says);
      assert.deepEqual(control.calls, [calls]);
      const json = await weir(...argv, '--json');
      assert.equal(json.exit, 0);
      assert.equal(typeof JSON.parse(json.stdout), 'object');
    });
  }

  it('rules that are not in force are said to be so, in every answer', async () => {
    control.rules.problem = 'it needs CAP_BPF';
    const added = await weir('rule', 'add', '--src', '192.0.2.0/24', '--action', 'drop');
    assert.match(added.stdout, /kept but NOT in force: it needs CAP_BPF\)/);
    const list = await weir('rule', 'list');
    assert.match(list.stdout, /^ID +ACTION +SOURCE +DESTINATION +PROTO +PORT +PACKETS/);
    assert.match(list.stdout, /^1 +drop +192\.0\.2\.0\/24 +any +any +any +1,234 +74,040 +no end/m);
    assert.match(list.stdout, /NOT in force: it needs CAP_BPF/);
    assert.match(
      (await weir('status')).stdout,
      /^rules +1 \(version \d+\) +NOT in force: it needs/m,
    );
    const deleted = await weir('rule', 'delete', '1');
    assert.match(deleted.stdout, /^rule 1 is deleted: --action drop/);
    assert.equal((await weir('rule', 'delete', '1')).exit, 1);
  });

  for (const argv of [
    ['--action', 'reject'],
    ['--action', 'drop', '--src', '10.0.0'],
    ['--action', 'drop', '--port', '90-80'],
    ['--action', 'drop', '--port', '80', '--order', '0'],
    ['--action', 'drop', '--port', '80', '--ttl', 'soon'],
    ['--port', '80'],
  ])
    it(`weir rule add ${argv.join(' ')} is a slip, and no node is asked`, async () => {
      assert.equal((await weir('rule', 'add', ...argv)).exit, 2);
      assert.deepEqual(control.calls, []);
    });

  it('status --json is what the node answered', async () => {
    const { stdout } = await weir('status', '--json');
    assert.deepEqual(JSON.parse(stdout), await control.status());
  });

  it('status is one page, with what is not well at its head', async () => {
    control.workers = [worker(0, 'ready'), worker(1, 'backoff')];
    const server = {
      weight: 1,
      connections: 4,
      inFlight: 2,
      requests: 1_200,
      failures: 0,
      reason: null,
    };
    control.upstreams = [
      {
        name: 'app',
        protocol: 'http1',
        balance: 'round-robin',
        isChecked: true,
        servers: [
          {
            ...server,
            url: 'http://10.0.0.1:80',
            state: 'healthy',
            seen: [{ state: 'healthy', workers: 2 }],
          },
          {
            ...server,
            url: 'unix:/run/b.sock',
            state: 'open',
            seen: [
              { state: 'open', workers: 1 },
              { state: 'healthy', workers: 1 },
            ],
            failures: 5,
          },
        ],
      },
    ];
    control.degraded = [{ part: 'worker 1', reason: 'ended twice\u001b[2J within a minute' }];
    const { stdout } = await weir('status');
    assert.equal(
      stdout,
      `weir 0.1.0  ready  up 1d 2h  pid 4711, node v26.10.0

degraded    worker 1: ended twice\ufffd[2J within a minute
requests    1,234,567 in all, 12 blocked, 3 would be blocked (monitor), 0 upstream errors
listeners   0.0.0.0:8443  tls       h1 h2
            [::]:8080     redirect  h1     to https
            0.0.0.0:5432  tcp              to database, behind PROXY protocol
upstreams   app  open in 1, healthy in 1  2 in flight  1,200 sent  5 failed  unix:/run/b.sock
                 healthy                  2 in flight  1,200 sent            http://10.0.0.1:80
modules     core  version 1  0123456789ab  on 1 route  fails closed
blocks      0 (version 7)
rules       0 (version 0)
shield      accept         blocked addresses are refused as they connect
            no xdp-native  it needs CAP_BPF
events      0 events
workers     1 of 2 ready, 17 connections
            #1 backoff, no process, 2 restarts, 1 of them hung
config      /etc/weir/weir.yaml  generation 3  abababababab  2026-01-02 03:04:05Z
management  127.0.0.1:9999
`,
    );
  });

  it('status fits 100 columns, folds what is longer, and says what nobody has tried', async () => {
    const server = {
      weight: 1,
      connections: 0,
      inFlight: 0,
      requests: 0,
      failures: 0,
      reason: null,
    };
    control.upstreams = [
      {
        name: 'orders-grpc',
        protocol: 'http2',
        balance: 'round-robin',
        isChecked: false,
        servers: [
          {
            ...server,
            url: 'https://orders.internal.example.org:50051',
            state: 'healthy',
            seen: [{ state: 'healthy', workers: 2 }],
          },
        ],
      },
    ];
    const reason = 'the first of many words that follow one another until no line holds them all';
    control.degraded = [{ part: 'certificate www.example.org', reason: `${reason}, ${reason}` }];
    const { stdout } = await weir('status');
    assert.match(
      stdout,
      /^upstreams {3}orders-grpc {2}untried {2}0 sent {2}https:\/\/orders\S+ \(h2\)$/m,
    );
    assert.match(stdout, /^degraded {4}certificate www\.example\.org: the first/m);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 100, line);
  });

  it('takes a block with its time and reason, lists it, and takes it away again', async () => {
    const added = await weir('block', 'add', '192.0.2.7', '--ttl', '1h', '--reason', 'stuffing');
    assert.equal(added.exit, 0, added.stderr);
    assert.deepEqual(control.added.at(-1), {
      target: '192.0.2.7',
      action: 'drop',
      ttlSeconds: 3_600,
      reason: 'stuffing',
      origin: 'operator',
    });
    const list = await weir('block', 'list');
    assert.match(
      list.stdout,
      /^TARGET +ACTION +UNTIL +SINCE +PACKETS +CONNECTIONS +SEEN +ORIGIN +REASON\n192\.0\.2\.7 +drop +2026-01-02 04:04:05Z .* operator +stuffing\n1 block, /,
    );
    assert.equal((await weir('block', 'remove', '192.0.2.7')).exit, 0);
    const gone = await weir('block', 'remove', '192.0.2.7');
    assert.deepEqual([gone.exit, gone.stdout.includes('is not on the list')], [1, true]);
  });

  it('says of a block whether the node or its fleet holds it, and how to take it away from either', async () => {
    const seen = { packets: null, connections: null, lastSeen: null };
    const entry = {
      ...{ target: '192.0.2.8', action: 'drop' as const, reason: 'scan', origin: 'feed' },
      ...{ createdAt: '2026-01-02T03:04:05.000Z', expiresAt: null, ...seen },
    };
    control.blocks.set('own', { ...entry, scope: 'node', issuer: null });
    control.blocks.set('fleet', { ...entry, scope: 'fleet', issuer: 'edge-2' });
    control.fleetBlocks = 1;
    control.fleetIssuer = 'edge-2';
    const list = await weir('block', 'list');
    assert.match(
      list.stdout,
      /^TARGET +SCOPE +ACTION .*\n192\.0\.2\.8 +node +drop .*\n192\.0\.2\.8 +fleet \(edge-2\) +drop /,
    );
    assert.match((await weir('status')).stdout, /^blocks +2 \(version 7, 1 of the fleet\)$/m);
    const removed = await weir('block', 'remove', '192.0.2.8');
    assert.equal(removed.exit, 1);
    assert.match(
      removed.stdout,
      /^192\.0\.2\.8 is not on the list of this node .*\nthe fleet holds it still, by edge-2: weir block remove 192\.0\.2\.8 --fleet\n/,
    );
    control.blocks.clear();
    control.fleetBlocks = 0;
    control.fleetIssuer = null;
  });

  it('loads a module, with the signature and the cases that lie beside it or are named', async () => {
    const file = (name: string, text: string) => writeFile(join(directory, name), text);
    await file('new.wasm', 'wasm bytes');
    const alone = await weir('module', 'load', 'core', 'new.wasm');
    assert.equal(alone.exit, 0, alone.stderr);
    assert.match(
      alone.stdout,
      /^core is version 1, 0123456789ab \(10 bytes\).* live in 2 workers$/m,
    );
    assert.equal(Buffer.from(control.loaded ?? []).toString(), 'wasm bytes');
    assert.deepEqual(control.sentAlong, { signature: null, cases: null, sourceMap: null });
    const signature = {
      module: 'core',
      sha256: 'ab'.repeat(32),
      sequence: 7,
      signature: `${'A'.repeat(86)}==`,
    };
    await file('new.wasm.sig', JSON.stringify(signature));
    await file('new.cases.json', '[]');
    await file('new.wasm.map', '{}');
    const beside = await weir('module', 'load', 'core', 'new.wasm');
    assert.match(beside.stdout, /its signature was not looked at/);
    assert.equal(Buffer.from(control.loaded ?? []).toString(), 'wasm bytes');
    assert.deepEqual(control.sentAlong, { signature, cases: '[]', sourceMap: '{}' });
    await file('other.sig', JSON.stringify({ ...signature, sequence: 8 }));
    await file('other.json', '[1]');
    const more = ['--signature', 'other.sig', '--cases', 'other.json'];
    assert.equal((await weir('module', 'load', 'core', 'new.wasm', ...more)).exit, 0);
    assert.deepEqual(control.sentAlong, {
      signature: { ...signature, sequence: 8 },
      cases: '[1]',
      sourceMap: '{}',
    });
    await file('other.sig', '{}');
    const broken = await weir('module', 'load', 'core', 'new.wasm', ...more);
    assert.match(broken.stderr, /other\.sig is no signature: it needs module, sha256/);
    const unknown = await weir('module', 'load', 'new', 'new.wasm');
    assert.equal(unknown.exit, 1);
    assert.match(unknown.stderr, /no module is named "new"\n {2}configured: core/);
  });

  it('takes version numbers only', async () => {
    for (const to of ['0', '-1', '1.5', 'two']) {
      const refused = await weir('module', 'rollback', 'core', `--to=${to}`);
      assert.deepEqual([refused.exit, control.calls], [2, []], to);
    }
  });

  it('does not send a module over the limit, and names a file that is not there', async () => {
    const big = join(directory, 'big.wasm');
    await writeFile(big, '');
    await truncate(big, moduleBytesMax + 1);
    const refused = await weir('module', 'load', 'core', 'big.wasm');
    assert.equal(refused.exit, 4);
    assert.match(refused.stderr, /a module has at most 16,777,216/);
    assert.equal((await weir('module', 'load', 'core', 'none.wasm')).exit, 1);
    assert.deepEqual(control.calls, []);
  });
});

describe('finding the node', () => {
  const ways = [
    { name: 'above the working directory', cwd: 'deep/below', argv: [], env: {} },
    {
      name: 'by --state, relative to the working directory',
      cwd: 'deep',
      argv: ['--state', '../.weir'],
      env: {},
    },
    { name: 'by WEIR_STATE', cwd: '/', argv: [], env: { WEIR_STATE: '.weir' }, absolute: true },
    {
      name: 'by --state rather than WEIR_STATE',
      cwd: 'deep',
      argv: ['--state', '../.weir'],
      env: { WEIR_STATE: '/nowhere' },
    },
  ];
  for (const { name, cwd, argv, env, absolute } of ways) {
    it(name, async () => {
      const { exit, stderr } = await runCliProcess(['status', ...argv], {
        cwd: absolute === true ? '/' : join(directory, cwd),
        env: absolute === true ? { WEIR_STATE: state } : (env as Record<string, string>),
      });
      assert.deepEqual([exit, stderr], [0, '']);
    });
  }
});

describe('what goes wrong', () => {
  const at = async (where: string, given: Parameters<typeof writeState>[1]) => {
    await writeState(join(directory, where), given);
    return weir('status', '--state', where);
  };

  it('3: no state directory says what to start', async () => {
    const { exit, stderr } = await weir('status', '--state', 'nothing');
    assert.equal(exit, 3);
    assert.match(stderr, /no running node found .*nothing\n.*weir edge --config FILE/);
  });

  it('3: as JSON', async () => {
    const { exit, stdout, stderr } = await weir('status', '--state', 'nothing', '--json');
    assert.deepEqual([exit, stderr], [3, '']);
    assert.partialDeepStrictEqual(JSON.parse(stdout), { error: { code: 'DAEMON_UNREACHABLE' } });
  });

  it('3: a process that has ended is not called, whoever holds its port now', async () => {
    const ended = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(ended, 'exit');
    assert.ok(ended.pid !== undefined);
    const { exit, stderr } = await at('stale', { admin: server.address, pid: ended.pid });
    assert.equal(exit, 3);
    assert.match(stderr, /is not running/);
    assert.deepEqual(control.calls, []);
  });

  it('3: a refused connection', async () => {
    const gone = createServer();
    gone.listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    gone.close();
    await once(gone, 'close');
    const { exit, stderr } = await at('refused', { admin: `http://127.0.0.1:${port}` });
    assert.equal(exit, 3);
    assert.match(stderr, /cannot reach the node at .*ECONNREFUSED/);
  });

  it('3: an edge.json that no node wrote', async () => {
    await writeState(join(directory, 'odd'), { admin: 'https://elsewhere.example/path' });
    assert.equal((await weir('status', '--state', 'odd')).exit, 3);
    await writeFile(join(directory, 'odd/edge.json'), '{');
    assert.equal((await weir('status', '--state', 'odd')).exit, 3);
  });

  it('4: a wrong token', async () => {
    const { exit, stderr } = await at('wrong', { admin: server.address, token: 'wrong' });
    assert.equal(exit, 4);
    assert.match(stderr, /the token is wrong/);
  });

  it('4: a limit of the node', async () => {
    control.failWith = new WeirError('BLOCK_LIST_FULL', 'the list is full', {
      details: ['remove some'],
    });
    const { exit, stderr } = await weir('block', 'add', '192.0.2.1');
    assert.equal(exit, 4);
    assert.match(stderr, /the list is full\n {2}remove some/);
  });

  it('1: an error of the node, with its details', async () => {
    control.failWith = new WeirError('CONFIG_INVALID', 'the configuration is not in order', {
      details: ['weir.yaml:2:3 edge'],
    });
    const { exit, stderr } = await weir('reload');
    assert.equal(exit, 1);
    assert.match(stderr, /not in order\n {2}weir\.yaml:2:3 edge/);
    const json = await weir('reload', '--json');
    assert.partialDeepStrictEqual(JSON.parse(json.stdout), { error: { code: 'CONFIG_INVALID' } });
  });

  it('1: answers of another version, and redirects are not followed', async () => {
    const other = createServer((request, response) => {
      if (request.url === '/api/v1/status') response.end('{"version":"9"}');
      else response.writeHead(302, { location: server.address }).end();
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const admin = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const status = await at('other', { admin });
    const redirected = await weir('reload', '--state', 'other');
    other.closeAllConnections();
    other.close();
    assert.equal(status.exit, 1);
    assert.match(status.stderr, /a form this weir does not understand/);
    assert.equal(redirected.exit, 3);
    assert.deepEqual(control.calls, []);
  });
});
