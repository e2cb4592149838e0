/**
 * What the shipped edge holds sources to, with real packets: rates of one source, fragments, and answers of
 * mirrors that nobody has asked for. Both families.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { clientAddresses, edgeAddresses, TalkingProcess } from '../support/network-namespace.ts';
import { ShieldedEdge } from '../support/shielded-edge.ts';
import { until } from '../support/until.ts';

const peerFile = fileURLToPath(new URL('../support/udp-peer.ts', import.meta.url));
/** A listener's, so rates hold for it. */
const port = 8_000;
const otherPort = 9_999;
/** Many times what a source may send at once: a slow machine would have to stand still for long. */
const many = 60;

class Peer {
  readonly #process: TalkingProcess;
  constructor(edge: ShieldedEdge, side: 'client' | 'edge') {
    this.#process = new TalkingProcess(edge.start(side, process.execPath, peerFile));
  }

  async open(name: string, address: string, at: number, to?: [string, number]): Promise<number> {
    const command = { open: name, address, port: at, ...(to === undefined ? {} : { to }) };
    return ((await this.#process.ask(JSON.stringify(command))) as { port: number }).port;
  }

  send(name: string, to: [string, number] | undefined, bytes: number, count = 1): Promise<unknown> {
    return this.#process.ask(JSON.stringify({ send: name, to, bytes, count }));
  }

  async received(name: string): Promise<{ count: number; largest: number }> {
    const answer = await this.#process.ask(JSON.stringify({ received: name }));
    return answer as { count: number; largest: number };
  }
}

describe('what one source may send', { skip: needsNamespaces() }, () => {
  let edge: ShieldedEdge;
  let client: Peer;
  const networks = Array.from({ length: many }, (_, n) => `fd77:0:0:${(n + 16).toString(16)}::1`);
  const neighbours = Array.from({ length: many }, (_, n) => `fd77:0:0:8::${(n + 1).toString(16)}`);

  before(async () => {
    edge = await ShieldedEdge.start({
      kernel: `detect: { mode: "off" }
rates: { packetsPerSecond: 30, synsPerSecond: 2, udpPerSecond: 3 }`,
      addresses: [
        ...networks,
        ...neighbours,
        ...['10', '11', '12', '13'].map((n) => `10.77.0.${n}`),
      ],
    });
    client = new Peer(edge, 'client');
  });
  after(async () => edge?.[Symbol.asyncDispose]());

  /** What has been counted since. */
  const watch = (name: string) => {
    const before = edge.countedOf(name);
    return () => edge.countedOf(name) - before;
  };

  for (const [family, from, other] of [
    ['IPv4', '10.77.0.10', '10.77.0.11'],
    ['IPv6', 'fd77:0:0:4::1', 'fd77:0:0:5::1'],
  ] as const) {
    before(() => {
      if (family === 'IPv6') for (const address of [from, other]) edge.addAddress(address);
    });

    it(`is so many datagrams a second to a port of ours, and as many as it wants elsewhere, ${family}`, async () => {
      const host = edgeAddresses[family === 'IPv4' ? 0 : 1];
      const dropped = watch('drop_rate_udp');
      for (const name of [from, other]) await client.open(name, name, 0);
      await client.send(from, [host, port], 100, many);
      await until('most are dropped', () => dropped() > many / 2);
      assert(dropped() <= many - 3, 'a second’s worth comes through at once');
      const before = dropped();
      await client.send(other, [host, port], 100, 3);
      await client.send(from, [host, otherPort], 100, 20);
      assert.equal(dropped(), before);
    });

    it(`is so many connection attempts a second, ${family}`, async () => {
      const dropped = watch('drop_rate_syn');
      edge.connectAtOnce(from, port, many);
      await until('most are dropped', () => dropped() > many / 2);
      assert.equal(edge.askFrom(other), 'answered');
    });

    it(`is so many packets a second, ${family}`, async () => {
      const dropped = watch('drop_rate_packets');
      const source = family === 'IPv4' ? '10.77.0.12' : 'fd77:0:0:6::1';
      if (family === 'IPv6') edge.addAddress(source);
      edge.drip(source, port, 300);
      await until('some are dropped', () => dropped() > 0);
      assert.equal(edge.askFrom(family === 'IPv4' ? '10.77.0.13' : 'fd77:0:0:5::1'), 'answered');
    });
  }

  it('is seen by who asks for it, though nothing is looked for', async () => {
    const sender = edge.talk(clientAddresses[0]);
    let page = '';
    await until(
      () => `the sender leads:\n${page}`,
      () => {
        page = edge.tryWeir('shield', 'top', '--once').stdout;
        return /^SOURCE.*\n10\.77\.0\.1 /m.test(page);
      },
    );
    sender.kill();
  });

  it('is shared by the addresses of an IPv6 /64, and by no more', async () => {
    const dropped = watch('drop_rate_udp');
    for (const address of [...networks, ...neighbours]) await client.open(address, address, 0);
    for (const address of networks) await client.send(address, [edgeAddresses[1], port], 100);
    assert.equal(dropped(), 0);
    for (const address of neighbours) await client.send(address, [edgeAddresses[1], port], 100);
    await until('most are dropped', () => dropped() > many / 2);
  });
});

describe('fragments and mirrors', { skip: needsNamespaces() }, () => {
  let edge: ShieldedEdge;
  let client: Peer;
  let host: Peer;

  before(async () => {
    edge = await ShieldedEdge.start({
      kernel: `detect: { mode: "off" }
fragments: drop
amplification: drop`,
    });
    client = new Peer(edge, 'client');
    host = new Peer(edge, 'edge');
  });
  after(async () => edge?.[Symbol.asyncDispose]());

  for (const index of [0, 1] as const) {
    const from = clientAddresses[index];
    const to = edgeAddresses[index];
    const family = index === 0 ? 'IPv4' : 'IPv6';
    /** A name of this family's own. */
    const own = (name: string) => `${name} ${family}`;

    it(`fragments are dropped where they are to be, all of them, ${family}`, async () => {
      const before = edge.countedOf('drop_fragment');
      await host.open(own('whole'), to, otherPort);
      await client.open(own('sender'), from, 0);
      await client.send(own('sender'), [to, otherPort], 4_000);
      await until('three are dropped', () => edge.countedOf('drop_fragment') === before + 3);
      await client.send(own('sender'), [to, otherPort], 1_000);
      await until(
        'one that is whole arrives',
        async () => (await host.received(own('whole'))).count === 1,
      );
      assert.equal((await host.received(own('whole'))).largest, 1_000);
    });

    const unasked: readonly [
      string,
      source: number,
      to: number,
      bytes: number,
      isDropped: boolean,
    ][] = [
      ['a large answer of a name server', 53, 40_000, 513, true],
      ['a small one', 53, 40_000, 512, false],
      ['a list of a time server', 123, 40_000, 440, true],
      ['the time', 123, 40_000, 48, false],
      ['anything of memcached', 11_211, 40_000, 1, true],
      ['anything of a device’s discovery, to a port of ours', 1_900, port, 100, true],
      ['anything of other services', 4_433, 40_000, 1_200, false],
    ];
    for (const [what, source, at, bytes, isDropped] of unasked)
      it(`${isDropped ? 'drops' : 'lets in'} ${what} that nobody asked for, ${family}`, async () => {
        const dropped = edge.countedOf('drop_amplification');
        const all = () =>
          edge.countedOf('drop_amplification', 'udp') + edge.countedOf('pass', 'udp');
        const before = all();
        await client.open(own(`${source} ${bytes}`), from, source);
        await client.send(own(`${source} ${bytes}`), [to, at], bytes);
        await until('it is counted', () => all() > before);
        assert.equal(edge.countedOf('drop_amplification') - dropped, Number(isDropped));
      });

    for (const connects of [true, false])
      it(`lets in a large answer to who asked ${connects ? 'with' : 'without'} a connected socket, ${family}`, async () => {
        const server = connects ? 161 : 5_353;
        const name = own(`asks ${connects}`);
        await client.open(own(`answers ${connects}`), from, server);
        const at = await host.open(name, to, 0, connects ? [from, server] : undefined);
        await host.send(name, connects ? undefined : [from, server], 40);
        await until(
          'it is asked',
          async () => (await client.received(own(`answers ${connects}`))).count === 1,
        );
        await client.send(own(`answers ${connects}`), [to, at], 1_200);
        await until('it arrives', async () => (await host.received(name)).count === 1);
        assert.equal((await host.received(name)).largest, 1_200);
      });
  }
});
