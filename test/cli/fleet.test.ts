/** `weir fleet init`, and blocks of a fleet, on the command line. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { type AdminServer, startAdmin } from '#admin/server.ts';
import { runCliProcess } from '../support/cli-process.ts';
import { FakeControl } from '../support/fake-control.ts';

const token = 'a-token-for-tests-0123456789';

describe('weir block with --fleet', () => {
  const state = mkdtempSync(join(tmpdir(), 'weir-cli-fleet-'));
  const control = new FakeControl();
  let server: AdminServer;
  before(async () => {
    const logger = pino({ level: 'silent' });
    server = await startAdmin({ control, address: '127.0.0.1:0', token, logger });
    const run = { pid: process.pid, admin: server.address, startedAt: '', version: '0.1.0' };
    writeFileSync(join(state, 'edge.json'), JSON.stringify(run), { mode: 0o600 });
    writeFileSync(join(state, 'token'), `${token}\n`, { mode: 0o600 });
  });
  after(async () => {
    await server.close();
    rmSync(state, { recursive: true });
  });
  beforeEach(() => {
    control.calls.length = 0;
  });
  const weir = (...argv: string[]) => runCliProcess([...argv, '--state', state], { cwd: state });

  it('adds, waits and says how many have it', async () => {
    const { exit, stdout } = await weir(
      'block',
      'add',
      '192.0.2.7',
      '--ttl',
      '1h',
      '--fleet',
      '--wait',
      '2s',
    );
    assert.equal(exit, 0);
    assert.deepEqual(control.calls, ['fleet add 192.0.2.7 3600 2000']);
    assert.match(
      stdout,
      /^192\.0\.2\.7 is blocked until 2026-01-02 04:04:05Z\nsequence 5 of a, live here in 2 workers, in force at 2 of 3 other nodes after 12 ms\n$/,
    );
  });

  it('removes, in words and as JSON', async () => {
    const text = await weir('block', 'remove', '192.0.2.7', '--fleet');
    assert.match(text.stdout, /^192\.0\.2\.7 is no longer blocked by the fleet\nsequence 5 of a/);
    const json = await weir('block', 'remove', '192.0.2.7', '--fleet', '--wait', '500ms', '--json');
    const answer = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual([answer['sequence'], answer['acknowledged'], answer['removed']], [5, 2, true]);
    assert.deepEqual(control.calls, ['fleet remove 192.0.2.7 0', 'fleet remove 192.0.2.7 500']);
  });

  const slips: readonly (readonly [string[], RegExp])[] = [
    [['--wait', '2s'], /--wait goes with --fleet/],
    [['--fleet', '--wait', '10s'], /no time to wait: write 500ms or 2s, at most 9s/],
    [['--fleet', '--wait', '2'], /no time to wait/],
    [['--fleet', '--ttl', '31d'], /too long: at most 30d/],
  ];
  for (const [given, says] of slips) {
    it(`says what is wrong with ${given.join(' ')}`, async () => {
      const { exit, stderr } = await weir('block', 'add', '192.0.2.7', ...given);
      assert.equal(exit, 2);
      assert.match(stderr, says);
      assert.deepEqual(control.calls, []);
    });
  }

  it('shows the fleet on the status page, and why it is away', async () => {
    control.fleetStatus = {
      ...{ name: 'shop', nodeId: 'a', state: 'reconnecting', server: null, members: 4, roster: 3 },
      ...{ reason: 'connection refused', entries: 12, enforced: 10, spared: 1, lastExchange: null },
      peers: [{ id: 'b', entries: 12, inStep: false }],
      ...{ waiting: 3, dropped: 0, clockSkewMs: 12, refused: { unsigned: 2 } },
      counters: { used: true, shared: false, cells: 7, waiting: 2, nodes: 0 },
      rules: [
        {
          ...{ kind: 'module', name: 'own', state: 'refused', running: 'a'.repeat(64) },
          ...{ rollout: 'own-1', reason: 'unsigned' },
        },
      ],
    };
    const { stdout } = await weir('status');
    control.fleetStatus = null;
    assert.match(stdout, /fleet {7}a in shop +reconnecting: connection refused\n/);
    assert.match(stdout, /1 of 3 other members heard of +1 out of step, list of members 3\n/);
    assert.match(stdout, /12 decisions, 10 in force, 1 spared +not compared yet\n/);
    assert.match(stdout, /3 waiting, 0 dropped\n/);
    assert.match(stdout, /7 counts over the fleet +not shared: each node counts by itself\n/);
    assert.match(stdout, / +refused +unsigned 2\n/);
    assert.match(stdout, /module own is refused +aaaaaaaaaaaa by own-1\n/);
    assert.doesNotMatch((await weir('status')).stdout, /fleet/);
  });
});

describe('weir fleet init', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-fleet-init-'));
  after(() => rmSync(folder, { recursive: true }));
  const init = (...argv: string[]) =>
    runCliProcess(['fleet', 'init', '--fleet', 'shop', ...argv], { cwd: folder });

  it('writes for a server anywhere, once', async () => {
    const first = await init('--dir', 'x', '--nodes', 'a,b', '--nats', 'nats.example.org:4333');
    assert.equal(first.exit, 0);
    assert.match(
      readFileSync(join(folder, 'x/a/fleet.yaml'), 'utf8'),
      /nats:\/\/nats\.example\.org:4333/,
    );
    assert.match(
      readFileSync(join(folder, 'x/nats-server.conf'), 'utf8'),
      /listen: "nats\.example\.org:4333"/,
    );
    const key = readFileSync(join(folder, 'x/a/nats.nk'), 'utf8');
    const second = await init('--dir', 'x', '--nodes', 'a');
    assert.equal(second.exit, 1);
    assert.match(second.stderr, /x\/trust\.json exists, and keys are never written over/);
    assert.equal(readFileSync(join(folder, 'x/a/nats.nk'), 'utf8'), key);
  });

  for (const [what, argv, says] of [
    ['a name with a dot', ['--nodes', 'a.b'], /"a\.b" \(--nodes\) is no name for it/],
    ['a pattern', ['--nodes', '*'], /is no name for it/],
    ['a name twice', ['--nodes', 'a,a'], /there are two members named a/],
    ['a port that is none', ['--nodes', 'a', '--nats', 'x:99999'], /\(--nats\) is no host:port/],
  ] as const) {
    it(`says what is wrong with ${what}`, async () => {
      const { exit, stderr } = await init('--dir', 'y', ...argv);
      assert.equal(exit, 2);
      assert.match(stderr, says);
    });
  }
});
