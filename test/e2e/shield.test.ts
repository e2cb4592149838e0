/**
 * The kernel shield of the shipped edge, on a wire between two network namespaces: what `weir block` says is
 * what happens to packets, over restarts of its process and upgrades of the node.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { mainFile } from '../support/edge-process.ts';
import { needsNamespaces } from '../support/kernel-rights.ts';
import {
  clientAddresses,
  edgeAddresses,
  makeNamespacePair,
  type NamespacePair,
} from '../support/namespace-pair.ts';
import { endsWithUs, killGroup } from '../support/process-group.ts';
import { until } from '../support/until.ts';

type Status = {
  readonly pid: number;
  readonly workers: readonly { readonly pid: number }[];
  readonly shield: {
    readonly step: string;
    readonly interfaces: readonly string[];
    readonly pid: number | null;
    readonly counters: {
      readonly exact: number;
      readonly verdicts: readonly { readonly verdict: string; readonly packets: number }[];
    } | null;
  };
  readonly degraded: readonly { readonly part: string; readonly reason: string }[];
};

for (const xdp of ['native', 'generic'] as const)
  describe(`the kernel shield, ${xdp}`, { skip: needsNamespaces() }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-shield-'));
    const state = join(folder, 'state');
    let wire: NamespacePair;
    let edge: ChildProcess;
    const file = join(folder, 'weir.yaml');
    const configure = (allow: string) =>
      writeFileSync(
        file,
        `edge:
  workers: 1
  listeners:
    - { address: "0.0.0.0:8000", plaintext: true }
    - { address: "[::]:8000", plaintext: true }
  allow: ${allow}
kernel: { xdp: ${xdp}, interface: ${wire.edgeInterface} }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: ${state}
`,
      );

    before(async () => {
      wire = makeNamespacePair();
      configure('[]');
      // Cookies for every SYN; what native XDP sends back over a veth arrives only beside a program of the peer's.
      for (const setting of [
        `net.ipv4.tcp_syncookies=${xdp === 'generic' ? 2 : 1}`,
        'net.ipv4.tcp_timestamps=2',
      ])
        spawnSync('ip', ['netns', 'exec', wire.edge, 'sysctl', '-qw', setting]);
      edge = spawn(
        'ip',
        ['netns', 'exec', wire.edge, process.execPath, mainFile, 'edge', '--config', file],
        { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
      );
      endsWithUs(edge.pid as number);
      assert(edge.stderr !== null);
      const lines: string[] = [];
      await new Promise<void>((resolve, reject) => {
        createInterface({ input: edge.stderr as NodeJS.ReadableStream }).on('line', (line) => {
          lines.push(line);
          if (line.includes('"edge ready"')) resolve();
        });
        edge.on('exit', (code) =>
          reject(new Error(`the edge ended with ${code}:\n${lines.join('\n')}`)),
        );
      });
    });

    after(async () => {
      try {
        const { pid } = weir<Status>('status');
        weir('stop');
        await until('the node ends', () => !isAlive(pid));
      } finally {
        killGroup(edge.pid as number);
        if (edge.exitCode === null && edge.signalCode === null) await once(edge, 'exit');
        wire[Symbol.dispose]();
        rmSync(folder, { recursive: true, force: true });
      }
    });

    /** The shipped command line, on the edge's host. */
    function weir<T = Record<string, unknown>>(...words: string[]): T {
      const { stdout, stderr, status } = spawnSync(
        'ip',
        [
          'netns',
          'exec',
          wire.edge,
          process.execPath,
          mainFile,
          ...words,
          '--state',
          state,
          '--json',
        ],
        { encoding: 'utf8' },
      );
      assert.equal(status, 0, `weir ${words.join(' ')}: ${stdout}${stderr}`);
      return JSON.parse(stdout) as T;
    }

    /** Whether the client gets an answer, whatever it is: nobody serves behind the edge. */
    function ask(index: 0 | 1): string {
      const host = index === 0 ? edgeAddresses[0] : `[${edgeAddresses[1]}]`;
      const { status } = spawnSync(
        'ip',
        [
          'netns',
          'exec',
          wire.client,
          'curl',
          '-gso',
          '/dev/null',
          '-w',
          '%{http_code}',
          '-m',
          '1',
          `http://${host}:8000/`,
        ],
        { encoding: 'utf8' },
      );
      return status === 0 ? 'answered' : status === 28 ? 'no answer' : `curl ended with ${status}`;
    }

    const counted = (name: string) =>
      (weir<Status>('status').shield.counters?.verdicts ?? [])
        .filter(({ verdict }) => verdict === name)
        .reduce((sum, { packets }) => sum + packets, 0);
    const dropped = () => counted('drop_exact');

    it('stands on the wire, in the driver or above it, and says so', () => {
      const { shield, degraded } = weir<Status>('status');
      assert.equal(shield.step, `xdp-${xdp}`);
      assert.deepEqual(shield.interfaces, [wire.edgeInterface]);
      assert(!isDegraded(degraded));
    });

    for (const index of [0, 1] as const) {
      const address = clientAddresses[index];

      it(`drops the packets of ${address} while it is blocked, and no longer`, () => {
        assert.equal(ask(index), 'answered');
        const before = dropped();
        assert.equal(weir('block', 'add', address)['kernel'], true);
        assert.equal(ask(index), 'no answer');
        assert(dropped() > before, 'the kernel has counted them');
        assert.equal(weir('block', 'remove', address)['kernel'], true);
        assert.equal(ask(index), 'answered');
      });
    }

    if (xdp === 'generic')
      it('answers connection attempts with cookies, and clients connect with them', () => {
        const before = counted('syn_ack');
        for (const index of [0, 1] as const) assert.equal(ask(index), 'answered');
        assert.equal(counted('syn_ack') - before, 2);
      });

    it('sends no cookies where the host would not know them, says why, and sends them again', async () => {
      const set = (value: number) =>
        spawnSync('ip', [
          'netns',
          'exec',
          wire.edge,
          'sysctl',
          '-qw',
          `net.ipv4.tcp_syncookies=${value}`,
        ]);
      const reason = () =>
        weir<Status>('status').degraded.find(({ part }) => part === 'SYN cookies')?.reason;
      set(0);
      await until('it is seen', () => reason() !== undefined);
      assert.match(String(reason()), /tcp_syncookies is 0.*sysctl -w net\.ipv4\.tcp_syncookies=1/);
      assert.equal(ask(0), 'answered');
      set(xdp === 'generic' ? 2 : 1);
      await until('it is seen', () => reason() === undefined);
    });

    it('drops a range, and lets it in again when its time is over', async () => {
      weir('block', 'add', '10.77.0.0/24', '--ttl', '2s');
      assert.equal(ask(0), 'no answer');
      await until('the block ends', () => ask(0) === 'answered');
    });

    it('lets in whom edge.allow names, whatever is blocked, until it no longer does', () => {
      configure('["10.77.0.0/28", "fd77::/64"]');
      weir('reload');
      for (const index of [0, 1] as const) {
        weir('block', 'add', clientAddresses[index]);
        assert.equal(ask(index), 'answered');
      }
      assert(counted('allowed') > 0, 'the kernel has counted them');
      configure('[]');
      weir('reload');
      for (const index of [0, 1] as const) {
        assert.equal(ask(index), 'no answer');
        weir('block', 'remove', clientAddresses[index]);
      }
    });

    it('goes on dropping when its process is killed, and takes new blocks again afterwards', async () => {
      weir('block', 'add', clientAddresses[0]);
      const { pid } = weir<Status>('status').shield;
      assert(pid !== null);
      process.kill(pid, 'SIGKILL');
      assert.equal(ask(0), 'no answer');
      let seen = '';
      await until(
        () => `another process has the maps: ${seen}`,
        () => {
          const { shield, degraded } = weir<Status>('status');
          seen = JSON.stringify({ shield, degraded });
          return (
            shield.pid !== null &&
            shield.pid !== pid &&
            shield.counters !== null &&
            !isDegraded(degraded)
          );
        },
      );
      assert.equal(ask(0), 'no answer');
      weir('block', 'remove', clientAddresses[0]);
      assert.equal(ask(0), 'answered');
    });

    it('gives no worker a descriptor of the kernel program', () => {
      const { workers, shield } = weir<Status>('status');
      const kernelDescriptors = (pid: number) =>
        readdirSync(`/proc/${pid}/fd`).filter((fd) =>
          /bpf/.test(readlinkSync(`/proc/${pid}/fd/${fd}`)),
        );
      assert(kernelDescriptors(shield.pid as number).length > 0);
      for (const { pid } of workers) assert.deepEqual(kernelDescriptors(pid), []);
    });

    it('is handed on when a new process takes over', async () => {
      weir('block', 'add', clientAddresses[0]);
      const { pid } = weir<Status>('status');
      const upgraded = weir<{ pid: number }>('upgrade');
      endsWithUs(upgraded.pid);
      await until('the old process ends', () => !isAlive(pid));
      assert.equal(ask(0), 'no answer');
      assert.equal(weir<Status>('status').shield.step, `xdp-${xdp}`);
      assert.equal(weir('block', 'remove', clientAddresses[0])['kernel'], true);
      assert.equal(ask(0), 'answered');
    });
  });

const isDegraded = (degraded: Status['degraded']): boolean =>
  degraded.some(({ part }) => part === 'kernel shield');

/** A process that has ended but was not waited for is a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
