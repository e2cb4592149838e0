/**
 * Inside the emulated machine (`run.ts`): the packet program with the sizes it has in service, before `lo` in the
 * network stack and before a veth in its driver. It drops what is listed and lets the rest by, its ring is read
 * through mmap, and another program takes its place.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readCounters } from '#synproxy/counters.ts';
import { KernelLists } from '#synproxy/kernel-lists.ts';
import { PacketSampler } from '#synproxy/packet-sampler.ts';
import { type LoadedShield, loadShield, readShieldObject } from '#synproxy/shield-object.ts';
import { attachXdp, replaceProgram } from '#synproxy/xdp-link.ts';
import { until } from '../support/until.ts';

assert.equal(process.arch, 'arm64');
const port = 9_000;
const loopback = [
  { host: '127.0.0.1', good: '127.0.0.6', listed: '127.0.0.5' },
  { host: '::1', good: 'fd77::6', listed: 'fd77::5' },
];

const shield = loaded();
say(`loaded by ${process.version} on ${process.arch}`);
const events: string[] = [];
const sampler = new PacketSampler(shield, ({ verdict }) => events.push(verdict));
sampler.start();
const lists = new KernelLists(shield.maps, shield.layout, shield.config);
await lists.replaceAll(loopback.map(({ listed }) => ({ target: listed, action: 'drop' }) as const));

const link = attachXdp(shield.program, indexOf('lo'), 'generic');
for (const { host, good, listed } of loopback) {
  const receiver = createSocket(host.includes(':') ? 'udp6' : 'udp4').bind(port, host);
  await once(receiver, 'listening');
  const heard: string[] = [];
  receiver.on('message', (_, { address }) => heard.push(address));
  await datagrams(listed, host, 3);
  await datagrams(good, host, 3);
  await until('what is not listed arrives', () => heard.length === 3);
  assert.deepEqual(heard, [good, good, good]);
  receiver.close();
}
assert.equal(counted(shield, 'drop_exact'), 6);
sampler.look();
assert.equal(events.filter((verdict) => verdict === 'drop_exact').length, 6);
assert.deepEqual(lists.hitsOf('127.0.0.5')?.hits, 3);
say('generic mode on lo: both families, the ring, hits of an entry');

const other = loaded();
replaceProgram(link, other.program);
await datagrams('127.0.0.6', '127.0.0.1', 3);
await until('the other one counts', () => counted(other, 'pass') >= 3);
say('another program in its place');

const [near = '', far = ''] = ['veth0', 'veth1'];
const native = attachXdp(other.program, indexOf(near), 'native');
assert.ok(native >= 0);
const otherLists = new KernelLists(other.maps, other.layout, other.config);
await otherLists.replaceAll([{ target: '10.9.0.0/24', action: 'drop' }]);
// Broadcasts need no neighbour that answers.
const sender = createSocket('udp4').bind(0, '10.9.0.1');
await once(sender, 'listening');
sender.setBroadcast(true);
for (let i = 0; i < 3; i++) sender.send('x', port, '10.9.0.255');
await until('they meet the program of the driver', () => counted(other, 'drop_prefix') === 3);
sender.close();
say(`native mode on ${near}, sent by ${far}`);
process.exit(0);

function loaded(): LoadedShield {
  return loadShield({ object: readShieldObject() });
}

function counted({ maps, layout }: LoadedShield, wanted: string): number {
  return readCounters(maps.stats, layout)
    .filter(({ verdict }) => verdict === wanted)
    .reduce((sum, { packets }) => sum + packets, 0);
}

async function datagrams(from: string, to: string, count: number): Promise<void> {
  const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4').bind(0, from);
  await once(socket, 'listening');
  for (let i = 0; i < count; i++) await new Promise((done) => socket.send('x', port, to, done));
  socket.close();
}

function indexOf(device: string): number {
  return Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'));
}

function say(what: string): void {
  console.log(`arm64: ${what}`);
}
