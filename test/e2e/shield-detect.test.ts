/**
 * What the packet detector of the shipped edge makes of real packets: who scans is blocked, and nobody else is,
 * whatever is written in his name.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { needs } from '../support/needs.ts';
import { edgeAddresses } from '../support/network-namespace.ts';
import { endsWithUs } from '../support/process-group.ts';
import { ShieldedEdge } from '../support/shielded-edge.ts';
import { until } from '../support/until.ts';

const scanner = '10.77.0.11';
const scanner6 = 'fd77:0:0:1::11';
const allowed = '10.77.0.12';
const upstream = '10.77.0.13';
const thirdParty = '10.77.0.14';
const customer = '10.77.0.15';
const closedScanner = '10.77.0.16';
const talker = '10.77.0.17';

/** 24 closed ports, and the one that is open. */
const ports = [...Array.from({ length: 24 }, (_, n) => 2_001 + n), 8_000];

describe('the packet detector', { skip: needsNamespaces() }, () => {
  let edge: ShieldedEdge;

  before(async () => {
    edge = await ShieldedEdge.start({
      allow: [allowed],
      upstream: `http://${upstream}:9`,
      addresses: [
        scanner,
        scanner6,
        allowed,
        upstream,
        thirdParty,
        customer,
        closedScanner,
        talker,
      ],
    });
  });
  after(async () => edge?.[Symbol.asyncDispose]());

  const count = (kind: string, result: string) =>
    Number(
      new RegExp(
        `^weir_detector_findings_total\\{kind="${kind}",result="${result}"\\} (\\d+)`,
        'm',
      ).exec(edge.metrics())?.[1],
    );
  const blockOf = (target: string) => edge.blocks().find((one) => one.target === target);

  const isFound = (target: string) =>
    edge.lines.some((line) => line.includes('stand out') && line.includes(`"${target}"`));

  const sampleOf = () => edge.weir<{ top: { sampleOf: number } }>('shield', 'top').top.sampleOf;

  let others = 100;
  /** Goes the same way, later: what it passed has been decided. */
  async function scanOfSomebodyElse(): Promise<void> {
    const other = `10.77.0.${others++}`;
    // Of a flood just now one packet of many may still be looked at, and a scan of 25 be missed.
    await until('every packet is looked at', () => sampleOf() === 1);
    edge.addAddress(other);
    edge.connect(other, ports);
    await until('the other one is blocked', () => blockOf(other) !== undefined);
  }

  for (const [from, target] of [
    [scanner, scanner],
    [scanner6, 'fd77:0:0:1::/64'],
  ] as const)
    it(`blocks who scans, ${from}, for a while, and says why`, async () => {
      edge.connect(from, ports);
      await until('it is blocked', () => blockOf(target) !== undefined);
      const block = blockOf(target);
      assert.equal(block?.origin, 'detector');
      assert.match(block?.reason ?? '', /^port-scan: connection attempts to 20 ports within 60 s$/);
      assert(block?.expiresAt != null, 'it ends');
      const before = edge.countedOf('drop_exact') + edge.countedOf('drop_prefix');
      assert.equal(edge.askFrom(from), 'no answer');
      assert(edge.countedOf('drop_exact') + edge.countedOf('drop_prefix') > before);
      await until('the log says so', () =>
        edge.lines.some((line) => line.includes('blocked by the packet detector')),
      );
      assert.equal(count('port-scan', 'blocked'), from === scanner ? 1 : 2);
    });

  for (const [who, address] of [
    ['edge.allow names', allowed],
    ['is an upstream', upstream],
  ] as const)
    it(`does not block who ${who}`, async () => {
      edge.connect(address, ports);
      await scanOfSomebodyElse();
      assert.equal(blockOf(address), undefined);
      assert.equal(edge.askFrom(address), 'answered');
    });

  it('does not block who has shown nothing of himself but connection attempts', async () => {
    edge.connect(closedScanner, ports.slice(0, 24));
    await until('it is seen', () => isFound(closedScanner));
    await scanOfSomebodyElse();
    assert.equal(blockOf(closedScanner), undefined);
  });

  it('blocks him once he has', async () => {
    // Another one: what was found of the first is remembered for half a minute, and the test above may take longer.
    const other = `10.77.0.${others++}`;
    edge.addAddress(other);
    edge.connect(other, ports.slice(0, 24));
    await until('it is seen', () => isFound(other));
    edge.connect(other, [8_000]);
    await until('it is blocked', () => blockOf(other) !== undefined);
  });

  it('shows who sends most, and counts what became of packets', async () => {
    const flood = edge.talk(talker);
    let page = '';
    await until(
      () => `the talker leads:\n${page}`,
      () => {
        const { status, stdout, stderr } = edge.tryWeir('shield', 'top', '--once');
        assert.equal(status, 0, stderr);
        page = stdout;
        return new RegExp(`^SOURCE.*\n${talker} `, 'm').test(page);
      },
    );
    flood.kill();
    assert.match(page, new RegExp(`^weir shield {2}xdp-native on ${edge.wire.edgeInterface} `));
    assert.match(page, /^pass +udp +[1-9]/m);
    for (const line of page.split('\n')) assert(line.length <= 80, line);
    const metrics = edge.metrics();
    for (const [name, least] of [
      ['weir_shield_packets_total{verdict="pass",protocol="udp"}', 100],
      ['weir_shield_bytes_total{verdict="pass",protocol="udp"}', 10_000],
      ['weir_shield_packets_total{verdict="drop_exact",protocol="tcp"}', 1],
      ['weir_shield_list_entries{list="allow"}', 1],
      ['weir_shield_step{step="xdp-native"}', 1],
      ['weir_shield_syn_cookies{mode="on-demand"}', 1],
      ['weir_shield_lost_total{what="event"}', 0],
      ['weir_shield_restarts_total', 0],
    ] as const) {
      const line = metrics.split('\n').find((one) => one.startsWith(`${name} `));
      assert(Number(line?.slice(name.length)) >= least, `${name}: ${line}`);
    }
  });

  it('says how the shield stands', () => {
    const { status, stdout, stderr } = edge.tryWeir('shield', 'status');
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`^step +xdp-native: ${edge.wire.edgeInterface}$`, 'm'));
    assert.match(stdout, /^SYN cookies on-demand\n/m);
    assert.match(stdout, /MSS 1460 \(IPv4\), 1440 \(IPv6\)/);
    assert.match(stdout, /^lists +\d+ single addresses, 1 ranges, 1 ranges always let in$/m);
    assert.match(stdout, /^drop_exact +tcp +\d/m);
    const answer = edge.weir<{ step: string; rates: unknown[]; counters: { lost: object } }>(
      'shield',
      'status',
    );
    assert.equal(answer.step, 'xdp-native');
    assert(answer.rates.length > 0);
  });

  describe('and forged packets', { skip: needs('hping3') }, () => {
    const forge = (source: string, count: number, port: string, intervalUs: number) => {
      const words = [
        '-q',
        '-S',
        '-a',
        source,
        '-p',
        port,
        '-i',
        `u${intervalUs}`,
        '-c',
        `${count}`,
      ];
      edge.run('client', 'hping3', ...words, edgeAddresses[0]);
    };

    it('thins what it looks at while packets are many, and no longer', async () => {
      const words = ['-q', '--udp', '--flood', '-a', talker, '-p', '9999', edgeAddresses[0]];
      const flood = edge.start('client', 'hping3', ...words);
      await until('it thins', () => sampleOf() > 1);
      flood.kill('SIGKILL');
      await until('it looks at every packet again', () => sampleOf() === 1);
    });

    it('does not block in whose name a flood comes', async () => {
      forge(thirdParty, 6_000, '8000', 100);
      await until('it is seen', () => isFound(thirdParty));
      await scanOfSomebodyElse();
      assert.equal(blockOf(thirdParty), undefined);
      assert.equal(edge.askFrom(thirdParty), 'answered');
    });

    it('does not block a customer in whose name a scan comes', async () => {
      assert.equal(edge.askFrom(customer), 'answered');
      forge(customer, 40, '++2001', 1_000);
      await until('it is seen', () => isFound(customer));
      await scanOfSomebodyElse();
      assert.equal(blockOf(customer), undefined);
      assert.equal(edge.askFrom(customer), 'answered');
    });
  });

  it('goes on when a new process takes over', async () => {
    const { pid } = edge.weir<{ pid: number }>('status');
    const upgraded = edge.weir<{ pid: number }>('upgrade');
    endsWithUs(upgraded.pid);
    assert.notEqual(upgraded.pid, pid);
    await scanOfSomebodyElse();
  });
});

describe('the packet detector, where every connection attempt is answered with a cookie', {
  skip: needsNamespaces(),
}, () => {
  let edge: ShieldedEdge;
  const flooder = '10.77.0.21';
  const client = '10.77.0.22';
  const innocent = '10.77.0.23';

  before(async () => {
    edge = await ShieldedEdge.start({
      xdp: 'generic',
      user: 'nobody',
      kernel: `synCookies: always
detect: { synRate: 20, synSharePercent: 0 }`,
      sysctls: { 'net.ipv4.tcp_syncookies': 2 },
      addresses: [flooder, client, innocent],
    });
  });
  after(async () => edge?.[Symbol.asyncDispose]());

  const isFound = (target: string) =>
    edge.lines.some((line) => line.includes('stand out') && line.includes(`"${target}"`));
  const blocked = () => edge.blocks().map(({ target }) => target);

  it('blocks who floods with connections and says nothing, not who talks, nor in whose name it comes', async () => {
    const before = edge.countedOf('syn_ack');
    edge.connectAtOnce(client, 8_000, 300, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until('who talks is seen', () => isFound(client));
    if (needs('hping3') === false) {
      const words = ['-q', '-S', '-a', innocent, '-p', '8000', '-i', 'u500', '-c', '1000'];
      edge.run('client', 'hping3', ...words, edgeAddresses[0]);
      await until('the forged flood is seen', () => isFound(innocent));
    }
    edge.connectAtOnce(flooder, 8_000, 300);
    await until('the flooder is blocked', () => blocked().includes(flooder));
    assert.deepEqual(blocked(), [flooder]);
    assert.match(
      edge.blocks()[0]?.reason ?? '',
      /^syn-rate: about \d+ connection attempts within 10 s$/,
    );
    assert.equal(edge.askFrom(client), 'answered');
    assert.equal(edge.askFrom(innocent), 'answered');
    assert(edge.countedOf('syn_ack') - before >= 600);
  });
});
