/**
 * The kernel shield of the shipped edge, on a wire between two network namespaces: what `weir block` says is
 * what happens to packets, over restarts of its process and upgrades of the node.
 */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { clientAddresses } from '../support/network-namespace.ts';
import { endsWithUs } from '../support/process-group.ts';
import { until } from '../support/until.ts';
import { isAlive, WiredNode, type WiredStatus } from '../support/wired-node.ts';

for (const xdp of ['native', 'generic'] as const)
  describe(`the kernel shield, ${xdp}`, { skip: needsNamespaces() }, () => {
    let edge: WiredNode;
    const configure = (allow: string) =>
      edge.configure(`edge:
  workers: 1
  listeners:
    - { address: "0.0.0.0:8000", plaintext: true }
    - { address: "[::]:8000", plaintext: true }
  allow: ${allow}
kernel: { xdp: ${xdp}, interface: $INTERFACE }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: $STATE
`);

    before(async () => {
      // Cookies for every SYN; what native XDP sends back over a veth arrives only beside a program of the peer's.
      edge = new WiredNode({
        'net.ipv4.tcp_syncookies': xdp === 'generic' ? '2' : '1',
        'net.ipv4.tcp_timestamps': '2',
      });
      configure('[]');
      await edge.startProcess();
    });

    after(() => edge[Symbol.asyncDispose]());

    const weir = <T = Record<string, unknown>>(...words: string[]) => edge.weir<T>(...words);
    const ask = (index: 0 | 1) => edge.ask(index);
    const counted = (name: string) => edge.counted(name);
    const dropped = () => counted('drop_exact');

    it('stands on the wire, in the driver or above it, and says so', () => {
      const { shield, degraded } = edge.status();
      assert.equal(shield.step, `xdp-${xdp}`);
      assert.deepEqual(shield.interfaces, [edge.wire.edgeInterface]);
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
      const set = (value: number) => edge.sysctl('net.ipv4.tcp_syncookies', value);
      const reason = () =>
        edge.status().degraded.find(({ part }) => part === 'SYN cookies')?.reason;
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
      const { pid } = edge.status().shield;
      assert(pid !== null);
      process.kill(pid, 'SIGKILL');
      assert.equal(ask(0), 'no answer');
      let seen = '';
      await until(
        () => `another process has the maps: ${seen}`,
        () => {
          const { shield, degraded } = edge.status();
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
      const { workers, shield } = edge.status();
      const kernelDescriptors = (pid: number) =>
        readdirSync(`/proc/${pid}/fd`).filter((fd) =>
          /bpf/.test(readlinkSync(`/proc/${pid}/fd/${fd}`)),
        );
      assert(kernelDescriptors(shield.pid as number).length > 0);
      for (const { pid } of workers) assert.deepEqual(kernelDescriptors(pid), []);
    });

    it('is handed on when a new process takes over', async () => {
      weir('block', 'add', clientAddresses[0]);
      const { pid } = edge.status();
      const upgraded = weir<{ pid: number }>('upgrade');
      endsWithUs(upgraded.pid);
      await until('the old process ends', () => !isAlive(pid));
      assert.equal(ask(0), 'no answer');
      assert.equal(edge.status().shield.step, `xdp-${xdp}`);
      assert.equal(weir('block', 'remove', clientAddresses[0])['kernel'], true);
      assert.equal(ask(0), 'answered');
    });
  });

const isDegraded = (degraded: WiredStatus['degraded']): boolean =>
  degraded.some(({ part }) => part === 'kernel shield');
