/** Rules with action inspect: a module decides about flows by their first packets, on a wire. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { recordKind } from '#wasm/abi.ts';
import { mainFile } from '../support/edge-process.ts';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { edgeAddresses } from '../support/network-namespace.ts';
import { packetGuest, record } from '../support/packet-guest.ts';
import { endsWithUs } from '../support/process-group.ts';
import { until } from '../support/until.ts';
import { WiredNode, type WiredStatus } from '../support/wired-node.ts';

type Inspection = {
  readonly sha256: string;
  readonly isOff: boolean;
  readonly packets: number;
  readonly failures: number;
  readonly flows: Readonly<Record<'pass' | 'drop' | 'alert' | 'undecided', number>>;
};

const packetsMax = 5;
const ssh = ['SSH-2.0-OpenSSH_9.2', '\r\n\r\n'];
const http = ['GET / HTTP/1.1\r\nHost: a\r\n', '\r\n'];

const configuration = (xdp: string, synCookies: string) => `edge:
  workers: 1
  listeners:
    - { address: "0.0.0.0:8000", plaintext: true }
    - { address: "[::]:8000", plaintext: true }
kernel:
  xdp: ${xdp}
  synCookies: ${synCookies}
  interface: $INTERFACE
  inspect: { module: protocol, packets: ${packetsMax} }
waf:
  canaryMs: 0
  rules:
    protocol:
      module: builtin:packet-protocol
      grants: [kv:request]
      config: { http: [8000] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: $STATE
`;

function inspectionOf(edge: WiredNode): Inspection {
  const { counters } = edge.weir<{
    shield: { counters: { inspection: Inspection | null } | null };
  }>('status').shield;
  assert(counters?.inspection, 'something is inspected');
  return counters.inspection;
}

/** The first line of the answer to these pieces, each sent when the one before has been for a moment. */
function sayTo(
  edge: WiredNode,
  index: 0 | 1,
  pieces: readonly string[],
  localPort?: number,
): string {
  return edge.client(`
    import net from 'node:net';
    import { setTimeout as wait } from 'node:timers/promises';
    const socket = net.connect(${JSON.stringify({ port: 8000, host: edgeAddresses[index], localPort })});
    socket.setNoDelay(true);
    // By a reset, after which nobody waits for the ports.
    const end = (said) => { console.log(said); socket.on('close', () => process.exit(0)); socket.resetAndDestroy(); };
    socket.on('error', (error) => end(error.code));
    socket.on('data', (data) => end(String(data).split('\\r')[0]));
    await new Promise((done) => socket.on('connect', done));
    for (const piece of ${JSON.stringify(pieces)}) { socket.write(piece); await wait(150); }
    setTimeout(() => end('silence'), 1_000);
  `);
}

describe('rules that inspect', { skip: needsNamespaces() }, () => {
  let edge: WiredNode;
  before(async () => {
    edge = new WiredNode();
    edge.configure(configuration('native', 'auto'));
    await edge.startProcess();
  });
  after(() => edge[Symbol.asyncDispose]());

  const inspection = () => inspectionOf(edge);
  const say = (index: 0 | 1, ...pieces: string[]) => sayTo(edge, index, pieces);
  const logged = (...parts: string[]) =>
    until(`a line says ${parts.join(' and ')}`, () =>
      edge.lines.some((line) => parts.every((part) => line.includes(part))),
    );

  it('inspects nothing before a rule says so', () => {
    assert.match(say(0, ...ssh), /^HTTP\/1\.1 400/);
    assert.equal(inspection().packets, 0);
  });

  for (const index of [0, 1] as const)
    it(`drops a flow of another protocol and lets a good one pass, IPv${index === 0 ? 4 : 6}`, async () => {
      if (index === 0)
        assert.equal(
          edge.weir('rule', 'add', '--port', '8000', '--action', 'inspect')['kernel'],
          true,
        );
      const before = inspection().flows;
      assert.equal(say(index, ...ssh), 'silence');
      const { drop, pass } = inspection().flows;
      assert.deepEqual([drop - before.drop, pass - before.pass], [1, 0]);
      assert(edge.counted('drop_flow') > 0, 'the kernel has dropped the rest');
      assert.match(say(index, ...http), /^HTTP\/1\.1 50\d/);
      assert.equal(inspection().flows.pass - before.pass, 1);
      await logged('"flow dropped"', 'protocol/ssh');
    });

  it('lets a flow pass of which nothing has been said after the last packet shown', () => {
    const before = inspection().flows;
    assert.match(say(0, 'G', 'E', 'T', 'T', 'T', '\x01\x01\r\n\r\n'), /^HTTP\/1\.1 400/);
    const { undecided, drop } = inspection().flows;
    assert.deepEqual([undecided - before.undecided, drop - before.drop], [1, 0]);
  });

  function load(name: string, bytes: Uint8Array): void {
    const file = join(edge.folder, `${name}.wasm`);
    writeFileSync(file, bytes);
    edge.weir('module', 'load', 'protocol', file);
  }

  it('takes a module that is loaded while it runs, and back', async () => {
    load('alerts', packetGuest({ words: record(recordKind.alertFlow), takesConfig: true }));
    const before = inspection();
    assert.match(say(0, ...ssh), /^HTTP\/1\.1 400/);
    assert.equal(inspection().flows.alert - before.flows.alert, 1);
    await logged('"flow alert"', 'm/r');
    edge.weir('module', 'rollback', 'protocol');
    assert.notEqual(inspection().sha256, before.sha256);
    assert.equal(say(0, ...ssh), 'silence');
  });

  it('holds when its process is killed', async () => {
    const { pid } = edge.weir<WiredStatus>('status').shield;
    process.kill(pid as number, 'SIGKILL');
    await until('another process inspects', () => {
      const { shield, rules } = edge.weir<WiredStatus>('status');
      return shield.pid !== pid && rules.kernel;
    });
    assert.equal(say(0, ...ssh), 'silence');
  });

  it('holds over an upgrade', async () => {
    endsWithUs(edge.weir<{ pid: number }>('upgrade').pid);
    await until('the maps are its own', () => edge.weir<WiredStatus>('status').rules.kernel);
    assert.equal(say(0, ...ssh), 'silence');
    assert.match(say(1, ...http), /^HTTP\/1\.1 50\d/);
  });
});

describe('rules that inspect, behind SYN cookies', { skip: needsNamespaces() }, () => {
  let edge: WiredNode;
  before(async () => {
    edge = new WiredNode();
    // What native XDP sends back over a veth arrives only beside a program of the peer's.
    edge.configure(configuration('generic', 'always'));
    edge.sysctl('net.ipv4.tcp_syncookies', 2);
    edge.sysctl('net.ipv4.tcp_timestamps', 2);
    await edge.startProcess();
    edge.weir('rule', 'add', '--port', '8000', '--action', 'inspect');
  });
  after(() => edge[Symbol.asyncDispose]());

  for (const index of [0, 1] as const)
    it(`a connection begins at its ACK, and is judged like any other, IPv${index === 0 ? 4 : 6}`, () => {
      assert.equal(sayTo(edge, index, ssh), 'silence');
      assert.match(sayTo(edge, index, http), /^HTTP\/1\.1 50\d/);
      const { drop, pass } = inspectionOf(edge).flows;
      assert.deepEqual([drop, pass], [index + 1, index + 1]);
      assert(edge.counted('syn_ack') >= 2, 'cookies were sent');
    });

  it('what was said of a connection does not hold for the next one of its ports', () => {
    const before = inspectionOf(edge).flows;
    assert.match(sayTo(edge, 0, http, 41_234), /^HTTP\/1\.1 50\d/);
    assert.equal(sayTo(edge, 0, ssh, 41_234), 'silence');
    const { drop, pass } = inspectionOf(edge).flows;
    assert.deepEqual([drop - before.drop, pass - before.pass], [1, 1]);
  });

  it('leaves alone what was there before the rule', () => {
    edge.weir('rule', 'clear');
    const said = edge.client(`
      import net from 'node:net';
      const socket = net.connect(8000, ${JSON.stringify(edgeAddresses[0])});
      socket.on('data', (data) => { console.log(String(data).split('\\r')[0]); process.exit(0); });
      await new Promise((done) => socket.on('connect', done));
      process.getBuiltinModule('node:child_process').execFileSync('ip', ['netns', 'exec', ${JSON.stringify(edge.wire.edge)}, process.execPath, ${JSON.stringify(mainFile)}, 'rule', 'add', '--port', '8000', '--action', 'inspect', '--state', ${JSON.stringify(edge.state)}]);
      socket.write('SSH-2.0-x');
      setTimeout(() => socket.write('\\r\\n\\r\\n'), 300);
      setTimeout(() => { console.log('silence'); process.exit(0); }, 3_000);
    `);
    assert.match(said, /^HTTP\/1\.1 400/);
  });
});
