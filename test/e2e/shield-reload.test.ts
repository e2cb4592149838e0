/** What `weir reload` changes of the kernel shield, on the wire: from the next packet on, and in its next process too. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { edgeAddresses } from '../support/network-namespace.ts';
import { until } from '../support/until.ts';
import { WiredNode } from '../support/wired-node.ts';

const config = (kernel: string, xdp = 'generic') => `edge:
  workers: 1
  listeners: [{ address: "0.0.0.0:8000", plaintext: true }, { address: "[::]:8000", plaintext: true }]
kernel: { xdp: ${xdp}, interface: $INTERFACE, ${kernel} }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: $STATE
`;

describe('a reload of the kernel shield', { skip: needsNamespaces() }, () => {
  it('changes fragments, rates and cookies, and nothing of where it stands', async () => {
    await using node = await WiredNode.running(config('fragments: pass, synCookies: "off"'), {
      'net.ipv4.tcp_syncookies': '1',
    });
    /** Datagrams of two fragments each over both families. */
    const send = () =>
      node.client(`
        for (const address of ${JSON.stringify(edgeAddresses)}) {
          const socket = process.getBuiltinModule('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
          await new Promise((done) => socket.send(Buffer.alloc(2_000), 9_999, address, done));
          socket.close();
        }`);
    type Reloaded = { readonly changed: readonly string[] };
    const cookies = () =>
      node.weir<{ counters: { cookies: { mode: string; problem: string | null } } }>(
        'shield',
        'status',
      ).counters.cookies;
    send();
    assert.equal(node.counted('drop_fragment'), 0);
    assert.equal(cookies().mode, 'off');

    node.configure(config('fragments: drop, synCookies: auto'));
    assert.deepEqual(node.weir<Reloaded>('reload').changed.toSorted(), [
      'kernel.fragments',
      'kernel.synCookies',
    ]);
    send();
    assert.equal(node.counted('drop_fragment'), 4);
    assert.equal(cookies().mode, 'on-demand');
    assert.equal(cookies().problem, null);

    node.configure(config('fragments: drop, synCookies: auto, rates: { packetsPerSecond: 1 }'));
    assert.deepEqual(node.weir<Reloaded>('reload').changed, ['kernel.rates.packetsPerSecond']);
    // One a second is slow, but not nothing.
    node.ask(0);
    assert(node.counted('drop_rate_packets') > 0);

    const { pid } = node.status().shield;
    process.kill(pid as number, 'SIGKILL');
    await until('another process has the maps', () => {
      const { shield } = node.status();
      return shield.pid !== pid && shield.counters !== null;
    });
    const before = node.counted('drop_fragment');
    send();
    assert.equal(node.counted('drop_fragment'), before + 4, 'what was reloaded holds in it too');

    node.configure(config('fragments: pass'));
    node.weir('reload');
    send();
    assert.equal(node.counted('drop_fragment'), before + 4);
    assert.equal(node.ask(0), 'answered');

    node.configure(config('fragments: drop', 'native'));
    const { status, stderr } = node.tryWeir('reload');
    assert.notEqual(status, 0);
    assert.match(stderr, /nothing was changed: kernel\.xdp/);
    send();
    assert.equal(node.counted('drop_fragment'), before + 4, 'all of it or none');
  });

  it('begins and ends looking for scans, and lets a module look into packets', async () => {
    const rules =
      'waf: { canaryMs: 0, rules: { protocol: { module: "builtin:packet-protocol", grants: ["kv:request"], config: { http: [8000] } } } }\n';
    const terms = (kernel: string) => `${config(kernel)}${rules}`;
    await using node = await WiredNode.running(terms('detect: { mode: "off" }'));
    const scan = () =>
      node.client(`
        const net = process.getBuiltinModule('node:net');
        await Promise.all(Array.from({ length: 40 }, (_, n) => new Promise((done) => {
          const socket = net.connect(20_000 + n, ${JSON.stringify(edgeAddresses[0])});
          socket.on('error', done);
        })));`);
    const isFound = () => node.lines.some((line) => /"port-scan".*stand out/.test(line));
    scan();
    const refused = node.tryWeir('rule', 'add', '--port', '8000', '--action', 'inspect');
    assert.match(refused.stderr, /name one in kernel\.inspect\.module and say weir reload/);

    node.configure(terms('detect: { mode: monitor }, inspect: { module: protocol, packets: 5 }'));
    node.weir('reload');
    assert.equal(isFound(), false, 'nobody looked');
    await until('the scan is seen', () => {
      scan();
      return isFound();
    });
    const added = node.weir('rule', 'add', '--port', '8000', '--action', 'inspect');
    assert.equal(added['kernel'], true);
    assert.equal(node.ask(0), 'answered');
    const { counters } = node.weir<{
      counters: { inspection: { packets: number } | null };
    }>('shield', 'status');
    assert((counters.inspection?.packets ?? 0) > 0, 'the module was shown packets');

    node.configure(terms('detect: { mode: "off" }'));
    node.weir('reload');
    const { degraded } = node.weir<{ degraded: { reason: string }[] }>('status');
    assert.match(JSON.stringify(degraded), /kernel\.inspect names no module/);
  });
});
