/** `weir shield`: what is printed of a node's packets, live and once, and what it says of a host. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { type AdminServer, startAdmin } from '#admin/server.ts';
import type { TopAnswer } from '#admin/shield-schema.ts';
import type { CliIo } from '#cli/command.ts';
import { runCli } from '#cli/run.ts';
import { bytes, rate } from '#cli/shield-top-view.ts';
import { cookieSettings, type HostCheck, kernelVersion } from '#synproxy/host-check.ts';
import { mainFile } from '../support/edge-process.ts';
import { FakeControl } from '../support/fake-control.ts';
import { needsBpf } from '../support/kernel-rights.ts';
import { needs, needsRoot } from '../support/needs.ts';
import { until } from '../support/until.ts';

const token = 'a-token-for-tests-0123456789';
const talkers = Array.from({ length: 40 }, (_, n) => ({
  source: n === 0 ? '2001:db8:ffff:ffff::/64' : `203.0.113.${n}`,
  packets: 1_234_567 / (n + 1),
  bytes: 987_654_321 / (n + 1),
  syns: 40 - n,
  dropped: n === 1 ? 99 : 0,
}));
const top: NonNullable<TopAnswer['top']> = {
  seconds: 1,
  sampleOf: 128,
  total: { packets: 1_300_000, bytes: 1e9, syns: 4_000, dropped: 99 },
  talkers,
  verdicts: [
    {
      verdict: 'pass',
      protocol: 'tcp',
      packets: 5,
      bytes: 500,
      packetsPerSecond: 1,
      bytesPerSecond: 9,
    },
    {
      verdict: 'drop_exact',
      protocol: 'udp',
      packets: 123_456_789_012,
      bytes: 1e13,
      packetsPerSecond: 654_321,
      bytesPerSecond: 65_432_100,
    },
  ],
  lost: { event: 12, packet: 0 },
};

const folder = mkdtempSync(join(tmpdir(), 'weir-shield-cli-'));
const control = new FakeControl();
let server: AdminServer;
before(async () => {
  const logger = pino({ level: 'silent' });
  server = await startAdmin({ control, address: '127.0.0.1:0', token, logger });
  const run = {
    pid: process.pid,
    admin: server.address,
    startedAt: '2026-01-02T03:04:05Z',
    version: '0.1.0',
  };
  writeFileSync(join(folder, 'edge.json'), JSON.stringify(run), { mode: 0o600 });
  writeFileSync(join(folder, 'token'), `${token}\n`, { mode: 0o600 });
  control.shield = { ...control.shield, step: 'xdp-native', interfaces: ['eth0'] };
  control.top = top;
});
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

class Keys extends EventEmitter {
  raw: boolean[] = [];
  setRawMode(isRaw: boolean) {
    this.raw.push(isRaw);
  }
  resume() {}
  pause() {}
}

function terminal(options: { tty?: boolean; env?: Record<string, string>; rows?: number } = {}) {
  const printed: string[] = [];
  const stdin = new Keys();
  const { tty = false, env = {}, rows = 24 } = options;
  const io: CliIo = {
    stdout: { isTTY: tty, columns: 80, rows, write: (text) => printed.push(text) },
    stderr: { isTTY: false, write: (text) => printed.push(text) },
    stdin,
    env,
    cwd: folder,
  };
  const none = async () => 0;
  const roles = { edge: none, demo: none, orchestrator: none, fleetDemo: none };
  return {
    printed,
    stdin,
    weir: (...argv: string[]) => runCli([...argv, '--state', folder], io, roles),
  };
}

describe('weir shield top', () => {
  it('prints it once where there is no terminal, or where that is asked for', async () => {
    for (const [options, words] of [
      [{}, []],
      [{ tty: true, env: { NO_COLOR: '1' } }, ['--once']],
      [{ tty: true, env: { TERM: 'dumb' } }, []],
    ] as const) {
      const { weir, printed } = terminal(options);
      assert.equal(await weir('shield', 'top', ...words), 0);
      const page = printed.join('');
      assert(!page.includes('\u001b'));
      assert.match(
        page,
        /^weir shield {2}xdp-native on eth0 {2}1\.3M packets\/s {2}1\.0 GB\/s {2}1 of 128 packets/,
      );
      assert.match(
        page,
        /^SOURCE +>PACKETS\/S +BYTES\/S +SYNS\/S +DROPPED\/S\n2001:db8:ffff:ffff::\/64 +1\.2M +987\.7 MB +40 +0\n203\.0\.113\.1 +617\.3k/m,
      );
      assert.match(page, /^drop_exact +udp +654\.3k +65\.4 MB +123,456,789,012\npass +tcp +1\.0 /m);
      assert.match(page, /^no room for: event 12$/m);
      for (const line of page.split('\n')) assert(line.length <= 80, line);
    }
  });

  it('asks for the order that is wanted, and refuses others', async () => {
    const { weir, printed } = terminal();
    control.calls.length = 0;
    assert.equal(await weir('shield', 'top', '--by', 'syns'), 0);
    assert.deepEqual(control.calls, ['top syns 20']);
    assert.match(printed.join(''), />SYNS\/S/);
    assert.equal(await weir('shield', 'top', '--by', 'colour'), 2);
  });

  it('says so where no packets are seen', async () => {
    control.top = null;
    try {
      const { weir, printed } = terminal();
      assert.equal(await weir('shield', 'top'), 0);
      assert.match(printed.join(''), /no packets are seen: .*\nweir shield status says why/);
    } finally {
      control.top = top;
    }
  });

  it('asks again until there are rates', async () => {
    control.top = { ...top, seconds: null, verdicts: [] };
    const { weir, printed } = terminal();
    control.calls.length = 0;
    const ended = weir('shield', 'top', '--json');
    await until('it has asked', () => control.calls.length === 1);
    control.top = top;
    assert.equal(await ended, 0);
    assert.equal(JSON.parse(printed.join('')).top.seconds, 1);
  });

  it('redraws on a terminal, within its lines, sorts by key, and leaves it as it was', async () => {
    const { weir, printed, stdin } = terminal({ tty: true, rows: 20 });
    control.calls.length = 0;
    const ended = weir('shield', 'top');
    await until('it is drawn', () => printed.length >= 2);
    stdin.emit('data', Buffer.from('b'));
    await until(
      'it is drawn by bytes',
      () => /BYTES\/S/.test(printed.at(-1) ?? '') && printed.length >= 3,
    );
    assert(control.calls.includes('top bytes 200'));
    stdin.emit('data', Buffer.from('q'));
    assert.equal(await ended, 0);
    assert.match(printed.at(0) ?? '', /^\u001b\[\?1049h/);
    assert.equal(printed.at(-1), '\u001b[?25h\u001b[?1049l');
    assert.deepEqual(stdin.raw, [true, false]);
    assert.equal(stdin.listenerCount('data'), 0);
    for (const page of printed.slice(1, -1)) {
      const lines = page.replace(/\u001b\[[0-9;?]*[a-zA-Z]/g, '').split('\r\n');
      assert(lines.length <= 20, `${lines.length} lines`);
      for (const line of lines) assert(line.length <= 80, line);
    }
  });

  it('ends with Ctrl-C, and has no colour where none is wanted', async () => {
    const { weir, printed, stdin } = terminal({ tty: true, env: { NO_COLOR: '1' } });
    const ended = weir('shield', 'top');
    await until('it is drawn', () => printed.length >= 2);
    stdin.emit('data', Buffer.from('\u0003'));
    assert.equal(await ended, 0);
    assert.doesNotMatch(printed.join(''), /\u001b\[[0-9]+m/);
  });

  it('works on a real terminal', { skip: needs('script') }, async () => {
    const command = `${process.execPath} ${mainFile} shield top --state ${folder}`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let shown = '';
    child.stdout.on('data', (data) => {
      shown += data;
    });
    await until('it is drawn', () => shown.includes('203.0.113.1'));
    child.stdin.write('q');
    const [exit] = await once(child, 'exit');
    assert.equal(exit, 0);
    assert(shown.includes('\u001b[?1049l'));
  });

  it('says numbers so that they fit', () => {
    const rates: readonly [number, string][] = [
      [0.04, '0'],
      [0.3, '0.3'],
      [9.94, '9.9'],
      [9.96, '10'],
      [9_999, '9,999'],
      [10_000, '10.0k'],
      [999_940, '999.9k'],
      [999_960, '1.0M'],
      [5e9, '5.0G'],
    ];
    for (const [perSecond, text] of rates) assert.equal(rate(perSecond), text);
    assert.deepEqual([0, 999, 1_000, 2.5e6, 7e12].map(bytes), [
      '0 B',
      '999 B',
      '1.0 kB',
      '2.5 MB',
      '7.0 TB',
    ]);
  });
});

describe('the route of weir shield top', () => {
  for (const [query, status] of [
    ['', 200],
    ['?by=bytes&count=999', 200],
    ['?count=1000', 400],
    ['?count=0', 400],
    ['?count=-1', 400],
    ['?by=colour', 400],
    ['?more=1', 400],
  ] as const)
    it(`answers ${status} to "${query}"`, async () => {
      const response = await fetch(`${server.address}/api/v1/shield/top${query}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await response.arrayBuffer();
      assert.equal(response.status, status);
    });

  it('wants the token', async () => {
    const response = await fetch(`${server.address}/api/v1/shield/top`);
    await response.arrayBuffer();
    assert.equal(response.status, 401);
  });
});

describe('weir shield status', () => {
  it('says why the packet program is not there', async () => {
    const before = control.shield;
    control.top = null;
    control.shield = {
      step: 'accept',
      refused: [{ step: 'xdp-native', reason: 'it needs CAP_BPF' }],
      interfaces: [],
      object: null,
      pid: null,
      counters: null,
    };
    try {
      const { weir, printed } = terminal();
      assert.equal(await weir('shield', 'status'), 0);
      assert.match(
        printed.join(''),
        /^step +accept: blocked addresses are refused as they connect\n +no xdp-native: it needs CAP_BPF\nblocks +0, in every worker\n$/,
      );
    } finally {
      control.shield = before;
      control.top = top;
    }
  });
});

describe('weir shield check', () => {
  type Answer = { missing: number; warnings: number; checks: HostCheck[] };
  const check = (command: readonly string[], ...words: string[]) => {
    const [program = '', ...rest] = [
      ...command,
      process.execPath,
      mainFile,
      'shield',
      'check',
      ...words,
    ];
    return spawnSync(program, rest, { encoding: 'utf8', cwd: '/' });
  };
  const nobody = ['setpriv', '--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups'];

  it('finds nothing missing where root may load the program', { skip: needsBpf() }, () => {
    const { status, stdout, stderr } = check([], '--json', '--interface', 'lo', '--cookies', 'off');
    assert.equal(status, 0, stderr);
    const { missing, checks } = JSON.parse(stdout) as Answer;
    assert.equal(missing, 0);
    const states = new Map(checks.map(({ name, state }) => [name, state]));
    for (const name of [
      'CAP_BPF',
      'CAP_NET_ADMIN',
      'CAP_PERFMON',
      'ring buffer',
      'xdp link',
      'packet program',
    ])
      assert.equal(states.get(name), 'ok', name);
    assert.equal(states.get('interface lo'), 'warn');
  });

  it('names what an ordinary user lacks, each with what mends it', {
    skip: needsRoot() || needs('setpriv'),
  }, () => {
    const { status, stdout, stderr } = check(nobody, '--json', '--interface', 'lo');
    assert.equal(status, 1, stderr);
    const { missing, warnings, checks } = JSON.parse(stdout) as Answer;
    assert.equal(checks.filter(({ state }) => state === 'missing').length, missing);
    assert.equal(checks.filter(({ state }) => state === 'warn').length, warnings);
    for (const name of ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON']) {
      const one = checks.find((entry) => entry.name === name);
      assert.equal(one?.state, 'missing');
      assert.match(one?.fix ?? '', new RegExp(`AmbientCapabilities=${name}`));
    }
    assert.equal(checks.find(({ name }) => name === 'bpf')?.state, 'warn');
    for (const { name, state, fix } of checks) assert.equal(fix === null, state === 'ok', name);
    assert.match(check(nobody).stdout, /^missing +CAP_BPF +not held by this user\n +→ /m);
  });

  it('says which interface there is not', () => {
    const { status, stdout } = check([], '--interface', 'nosuch0');
    assert.equal(status, 1);
    assert.match(stdout, /^missing +interface nosuch0 +there is none of that name$/m);
    assert.equal(check([], '--interface', '../eth0').status, 2);
  });

  it('knows kernels', () => {
    const states = ['6.18.44', '6.1.0-13-amd64', '6.0.9', '5.18.1', '5.17.0', '4.19'].map(
      (text) => kernelVersion(text).state,
    );
    assert.deepEqual(states, ['ok', 'ok', 'warn', 'warn', 'missing', 'missing']);
  });

  for (const [what, syncookies, mode, expected] of [
    ['off', '0', 'on-demand', ['missing', 'sysctl -w net.ipv4.tcp_syncookies=1']],
    ['on demand', '1', 'on-demand', ['ok', null]],
    ['on demand, wanted always', '1', 'always', ['missing', 'sysctl -w net.ipv4.tcp_syncookies=2']],
    ['always', '2', 'always', ['ok', null]],
  ] as const)
    it(`says what SYN cookies need of the host: ${what}`, () => {
      const settings: Record<string, string> = {
        '/proc/sys/net/ipv4/tcp_syncookies': syncookies,
        '/proc/sys/net/ipv4/tcp_timestamps': '1',
        '/proc/sys/net/ipv4/tcp_window_scaling': '1',
        '/proc/sys/net/ipv4/tcp_sack': '1',
        '/proc/sys/net/core/rmem_max': '212992',
        '/proc/sys/net/ipv4/tcp_rmem': '4096 131072 6291456',
        '/sys/class/net/eth0/mtu': '1500',
      };
      const checks = cookieSettings(mode, ['eth0'], (path) => settings[path] ?? null);
      const [first, timestamps] = checks;
      assert.deepEqual([first?.state, first?.fix], expected);
      assert.equal(timestamps?.state, 'warn');
      assert.equal(timestamps?.fix, 'sysctl -w net.ipv4.tcp_timestamps=2');
      assert.equal(checks.at(-1)?.state, expected[0]);
    });
});
