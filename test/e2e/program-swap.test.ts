/**
 * Another build of the packet program on disk takes the place of the one a shipped node runs, by `weir upgrade` and
 * `weir shield swap`: a flow goes on, blocks stay, and what cannot be swapped is said and leaves the old one there.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { needs } from '../support/needs.ts';
import { clientAddresses, edgeAddresses } from '../support/network-namespace.ts';
import { type BpfEdit, OwnTree } from '../support/own-tree.ts';
import { endsWithUs } from '../support/process-group.ts';
import { until } from '../support/until.ts';
import { isAlive, WiredNode } from '../support/wired-node.ts';

/** Datagrams to port 7777 have a verdict of their own, and a map that the program before has not. */
const newVerdict: readonly BpfEdit[] = [
  ['shield.h', 'VERDICT_DROP_FLOW = 20,', 'VERDICT_DROP_FLOW = 20, VERDICT_DROP_NEWS = 21,'],
  ['maps.h', 'MAP(ports,', 'MAP(news, BPF_MAP_TYPE_ARRAY, __u32, __u64, 1, 0);\nMAP(ports,'],
  [
    'shield.bpf.c',
    '\tif (is_neighbour_discovery(v))',
    '\t__u32 zero = 0;\n\t__u64 *seen = map_lookup(&news, &zero);\n\tif (seen && v->destination_port == 7777) {\n\t\t(*seen)++;\n\t\treturn VERDICT_DROP_NEWS;\n\t}\n\tif (is_neighbour_discovery(v))',
  ],
];

type Swap = {
  readonly state: string;
  readonly sha256: string;
  readonly before: string;
  readonly onDisk: string;
  readonly reason: string;
  readonly details: readonly string[];
  readonly mapsMade: readonly string[];
};

describe('another packet program on disk', { skip: needsNamespaces() || needs('clang') }, () => {
  let tree: OwnTree;
  let node: WiredNode;
  const object = () => String(node.status().shield.object);
  const swap = (status: number): Swap => {
    const ended = node.tryWeir('shield', 'swap', '--json');
    assert.equal(ended.status, status, ended.stdout + ended.stderr);
    return JSON.parse(ended.stdout);
  };
  const sendNews = () =>
    node.client(
      `const socket = process.getBuiltinModule('node:dgram').createSocket('udp4');
       for (let i = 0; i < 3; i++) await new Promise((done) => socket.send('x', 7777, '${edgeAddresses[0]}', done));
       socket.close();`,
    );

  before(async () => {
    tree = new OwnTree();
    node = new WiredNode();
    node.main = tree.main;
    node.configure(`edge:
  workers: 1
  listeners:
    - { address: "0.0.0.0:8000", plaintext: true }
    - { address: "[::]:8000", plaintext: true }
kernel: { xdp: native, interface: $INTERFACE }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: $STATE
`);
    await node.startProcess();
    node.weir('block', 'add', clientAddresses[1]);
    node.weir('rule', 'add', '--port', '9999', '--proto', 'udp', '--action', 'drop');
  });

  after(async () => {
    await node[Symbol.asyncDispose]();
    tree[Symbol.dispose]();
  });

  it('is the same one at first, and its hash stands in status and log', () => {
    const { state, sha256 } = swap(0);
    assert.equal(state, 'same');
    assert.equal(sha256, object());
    assert(node.lines.some((line) => line.includes(`"object":"${sha256}"`)));
  });

  it('takes the place of the other by weir shield swap, and a flow goes on', async () => {
    const before = object();
    tree.build(...newVerdict);
    const flow = startFlow(node);
    await flow.answered(20);
    const { pid } = node.status();
    const swapped = swap(0);
    assert.equal(swapped.state, 'swapped');
    assert.equal(swapped.before, before);
    assert.deepEqual(swapped.mapsMade, ['news']);
    assert.equal(node.ask(1), 'no answer', 'what was blocked is blocked');
    await flow.answered(20);
    assert.deepEqual(await flow.stop(), { connections: 1, failures: 0 });
    assert.equal(object(), swapped.sha256);
    assert.equal(node.status().pid, pid, 'no process of the node ended for it');
    assert.deepEqual(node.status().rules, { ...node.status().rules, kernel: true, problem: null });
    sendNews();
    await until('the new program has its say', () => node.counted('drop_news') === 3);
    assert.equal(node.weir('block', 'add', '198.51.100.1')['kernel'], true);
    assert(node.lines.some((line) => /"packet program swapped"/.test(line)));
  });

  it('takes the place of the other by weir upgrade', async () => {
    const before = object();
    tree.build();
    const { pid } = node.status();
    const answer = node.weir<{ pid: number; program: Swap }>('upgrade');
    endsWithUs(answer.pid);
    assert.equal(answer.program.state, 'swapped');
    assert.equal(answer.program.before, before);
    assert.equal(object(), answer.program.sha256);
    await until('the old process ends', () => !isAlive(pid));
    assert.equal(node.ask(1), 'no answer');
    assert.equal(node.ask(0), 'answered');
    assert.deepEqual(node.status().degraded, []);
  });

  for (const { name, edits, says } of [
    {
      name: 'whose maps mean something else',
      edits: [
        ['shield.h', '\t__u64 hits;\n\t__u64 last_ns;', '\t__u64 last_ns;\n\t__u64 hits;'],
        ['shield.h', 'VERDICT_DROP_PREFIX = 11', 'VERDICT_DROP_PREFIX = 21'],
      ] as BpfEdit[],
      says: /map exact4 has value field last_ns: 8 bytes at 0, in the kernel 8 bytes at 8; .*enum verdict: VERDICT_DROP_PREFIX is 21, in the kernel 11/s,
    },
    {
      name: 'that the kernel refuses',
      edits: [
        [
          'shield.bpf.c',
          '\tint parsed = parse_frame',
          '\tif (*(__u8 *)(long)frame->data == 255) return 0;\n\tint parsed = parse_frame',
        ],
      ] as BpfEdit[],
      says: /the kernel refused program weir_shield: EACCES/,
    },
  ])
    it(`leaves the old one there, and says why, ${name}`, async () => {
      const before = object();
      tree.build(...edits);
      const refused = swap(4);
      assert.equal(refused.state, 'stays');
      assert.match([refused.reason, ...refused.details].join('\n'), says);
      const { pid } = node.status();
      const { status, stdout } = node.tryWeir('upgrade', '--json');
      assert.equal(status, 4);
      const answer = JSON.parse(stdout) as { pid: number; program: Swap };
      endsWithUs(answer.pid);
      assert.equal(answer.program.state, 'stays');
      await until('the old process ends', () => !isAlive(pid));
      assert.equal(object(), before);
      assert(node.status().degraded.some(({ part }) => part === 'packet program'));
      // With another object on disk its process works on with the one that is loaded, started again too.
      const shieldPid = node.status().shield.pid;
      process.kill(Number(shieldPid), 'SIGKILL');
      await until('another process has the maps', () => {
        const { shield } = node.status();
        return shield.pid !== shieldPid && shield.counters !== null;
      });
      assert.equal(node.ask(1), 'no answer');
      assert.equal(node.weir('block', 'remove', clientAddresses[1])['kernel'], true);
      assert.equal(node.ask(1), 'answered');
      assert.equal(node.weir('block', 'add', clientAddresses[1])['kernel'], true);
    });

  it('is taken from nobody who may load no program', () => {
    const socket = join(node.state, 'shield.sock');
    assert.equal(lstatSync(socket).mode & 0o777, 0o600);
    const bounded = ['--bounding-set', '-all', '--inh-caps', '-all'];
    const words = [process.execPath, node.main, 'shield', 'swap', '--json', '--state', node.state];
    const { status, stdout } = node.run('edge', 'setpriv', ...bounded, ...words);
    assert.equal(status, 4);
    assert.match(stdout, /has no CAP_BPF and CAP_NET_ADMIN.*run it as root/);
  });
});

/** One connection of the client, with a request every few milliseconds. */
function startFlow(node: WiredNode) {
  const script = `
    const http = process.getBuiltinModule('node:http');
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    let connections = 0, failures = 0, stopped = false;
    process.stdin.on('end', () => { stopped = true; }).resume();
    while (!stopped) {
      await new Promise((done) => {
        const request = http.get({ host: '${edgeAddresses[0]}', port: 8000, agent, timeout: 5000 }, (response) => {
          response.resume().on('end', done);
        });
        request.on('socket', (socket) => { if (!socket.seen) { socket.seen = true; connections++; } });
        request.on('timeout', () => request.destroy(new Error('timeout')));
        request.on('error', () => { failures++; done(); });
      });
      console.log('answered');
      await new Promise((done) => setTimeout(done, 5));
    }
    console.log(JSON.stringify({ connections, failures }));
    process.exit(0);`;
  const words = ['netns', 'exec', node.wire.client, process.execPath, '--input-type=module', '-e'];
  const child = spawn('ip', [...words, script], { stdio: ['pipe', 'pipe', 'inherit'] });
  endsWithUs(child.pid as number);
  let count = 0;
  let last = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'answered') count++;
    else last = line;
  });
  return {
    answered: async (more: number) => {
      const goal = count + more;
      await until('the flow goes on', () => count >= goal);
    },
    stop: async (): Promise<unknown> => {
      child.stdin.end();
      await once(child, 'close');
      return JSON.parse(last);
    },
  };
}
