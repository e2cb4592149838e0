/**
 * Questions: what does a packet cost by the path it takes through the program? What do addresses and prefixes
 * cost with random sources? What does a SYN answered here cost? How fast are batches?
 *
 *     node bench/micro/xdp.ts [--out FILE]
 *
 * BPF_PROG_TEST_RUN, 10^6 repeats, the fastest of five; the action is checked first. Needs root, and starts itself in
 * a network namespace of its own, where the kernel may be told to make a cookie for every SYN. An exact drop is
 * measured in turns with what it is compared to: nothing, the kernel's hash alone, and the prototype, where
 * ../shared or PROTOTYPE=edge.bpf.c has it. The rows with random sources contain the making of the frame, which stands as a row of its own.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { KernelMap } from '#synproxy/kernel-map.ts';
import { closeShield, loadShield, readShieldObject } from '#synproxy/shield-object.ts';
import { type FrameTerms, frameOf } from '../../test/support/frames.ts';
import { testRun } from '../../test/support/test-run.ts';
import { TestShield } from '../../test/support/test-shield.ts';
import { doNothing, lookUpOnly } from '../support/least-programs.ts';
import { prototypeProgram } from '../support/prototype-program.ts';
import { machine } from '../support/results.ts';

const ownNamespace = 'WEIR_BENCH_NAMESPACE';
if (process.env[ownNamespace] === undefined) {
  const words = ['--net', process.execPath, import.meta.filename, ...process.argv.slice(2)];
  const env = { ...process.env, [ownNamespace]: '1' };
  const { status, error } = spawnSync('unshare', words, { env, stdio: 'inherit' });
  if (error) throw error;
  process.exit(status ?? 1);
}
spawnSync('ip', ['link', 'set', 'lo', 'up']);
writeFileSync('/proc/sys/net/ipv4/tcp_syncookies', '2');

const lines: string[] = [];
const say = (line = ''): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};
const repeats = 1_000_000;
const rounds = 5;

type Row = {
  readonly name: string;
  readonly program: number;
  readonly frame: Buffer;
  readonly action: string;
};

/** In turns with each other and with the floor, so that what else the machine does meets all of them. */
function measure(...rows: readonly Row[]): void {
  for (const { name, program, frame, action } of rows) {
    const first = testRun(program, frame, 1).action;
    if (first !== action) throw new Error(`${name}: ${first}, not ${action}`);
  }
  const floors: number[] = [];
  const times = rows.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    floors.push(testRun(floor, floorFrame, repeats).ns);
    for (const [index, { program, frame }] of rows.entries())
      times[index]?.push(testRun(program, frame, repeats).ns);
  }
  for (const [index, { name }] of rows.entries()) {
    const own = times[index] ?? [];
    const above = Math.min(...own) - Math.min(...floors);
    say(`| ${name} | ${Math.min(...own)} | ${Math.max(...own)} | ${above} |`);
  }
}

function headAboveFloor(): void {
  say('| path | ns, fastest | ns, slowest | above the floor |');
  say('| --- | --- | --- | --- |');
}

function head(): void {
  say('| path | ns, fastest | ns, slowest |');
  say('| --- | --- | --- |');
}

/** Random addresses in batches; entries a second. */
function fill(map: KernelMap, count: number, prefix: number | null): number {
  const keys = Buffer.alloc(count * map.keyBytes);
  // As the product writes them: a trie in the order of addresses.
  const prefixes = Array.from({ length: prefix === null ? 0 : count }, () =>
    Math.floor(Math.random() * 2 ** (prefix ?? 0)),
  ).sort((one, other) => one - other);
  for (let i = 0; i < count; i++) {
    const at = i * map.keyBytes;
    if (prefix === null) keys.writeUInt32LE(1 + Math.floor(Math.random() * (2 ** 32 - 1)), at);
    else {
      keys.writeUInt32LE(prefix, at);
      keys.writeUInt32BE(((prefixes[i] ?? 0) * 2 ** (32 - prefix)) >>> 0, at + 4);
    }
  }
  const startedAt = performance.now();
  map.updateBatch(keys, Buffer.alloc(count * map.valueBytes), count);
  return Math.round((count / (performance.now() - startedAt)) * 1_000);
}

/** Of maps of their own: one that was full is no longer what a small one is. */
function tryRows(object: Buffer): readonly (readonly [string, readonly number[]])[] {
  return [10_000, 1_000_000].map((entries) => {
    const shield = loadShield({ object, sizes: { ...sizes, exact4: 1_000, prefix4: entries + 1 } });
    const flags = shield.layout.enumeration('shield_flag').get('prefix') ?? 0;
    shield.config.change({ flags, mss6: 1 });
    fill(shield.maps.prefix4, entries, 24);
    const frame = Buffer.from(new ArrayBuffer(128), 0, 74);
    frame.writeUInt16BE(0x0800, 12);
    const times = Array.from({ length: rounds }, () => testRun(shield.program, frame, repeats).ns);
    closeShield(shield);
    return [`trie of ${entries.toLocaleString('en')}`, times] as const;
  });
}

say('# The packet program');
say();
say(
  `\`node bench/micro/xdp.ts --out bench/results/xdp.md\`, ${new Date().toISOString().slice(0, 10)}`,
);
say(`${machine}. Test runs of the kernel, hot caches unless said otherwise.`);
say();
headAboveFloor();
const floor = doNothing();
const floorFrame = frameOf({ from: '192.0.2.1' });
const blocked = '198.51.100.7';
const sizes = { exact4: 1_100_000, prefix4: 70_000, rate4: 262_144 };
{
  using bench = new TestShield(sizes);
  const { program, config, maps } = bench.shield;
  const good: FrameTerms = { from: '192.0.2.1' };
  const run = (name: string, terms: FrameTerms, action: string): void =>
    measure({ name, program, frame: frameOf(terms), action });
  run('pass, nothing on, IPv4', good, 'pass');
  run('pass, nothing on, IPv6', { from: '2001:db8:2::1' }, 'pass');
  bench.flags('allow', 'exact', 'prefix');
  run('pass, lists empty', good, 'pass');
  bench.flags('exact');
  bench.list(blocked, 'drop');
  bench.list('2001:db8:bad::1', 'drop');
  const drops = (name: string, one: number, from = blocked): Row => ({
    name,
    program: one,
    frame: frameOf({ from }),
    action: 'drop',
  });
  const prototype = prototypeProgram(blocked);
  measure(
    drops('the floor: a program that does nothing', floor),
    drops("one that only looks up an address in the kernel's hash", lookUpOnly(blocked)),
    ...(prototype === null ? [] : [drops('the prototype: drop, exact, IPv4', prototype)]),
    drops('drop, exact, IPv4', program),
    drops('drop, exact, IPv6', program, '2001:db8:bad::1'),
  );
  bench.list('192.0.3.0/24', 'allow');
  bench.flags('allow', 'exact', 'prefix');
  run('drop, exact, IPv4, beside an allow list', { from: blocked }, 'drop');
  fill(maps.prefix4, 10_000, 24);
  bench.list('203.0.113.0/24', 'drop');
  bench.flags('exact', 'prefix');
  run('drop, prefix, 10,000 prefixes', { from: '203.0.113.7' }, 'drop');
  bench.flags('rules');
  bench.rule(255, { src: '192.0.4.0/24', dport: 80, action: 'drop' });
  run('drop, rule 256 of 256', { from: '192.0.4.9', dport: 80 }, 'drop');
  run('pass, no rule matches', good, 'pass');
  bench.flags('rate');
  bench.protect(443);
  config.change({ guard_inserts: 1_000_000, packet_interval_ns: 1, packet_burst_ns: 10n ** 12n });
  run('pass, rate, known source', good, 'pass');
  bench.flags('amplification');
  run('drop, amplification', { protocol: 'udp', sport: 11_211, payload: 20 }, 'drop');
}

const server = createServer().listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const address = server.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;
{
  const object = readShieldObject(join(import.meta.dirname, '../../build/bpf/shield-bench.o'));
  const tries = tryRows(object);
  const { maps, config, program, layout } = loadShield({ object, sizes });
  const flags = layout.enumeration('shield_flag');
  const flag = (...names: string[]): void =>
    config.change({ flags: names.reduce((bits, name) => bits | (flags.get(name) ?? 0), 0) });
  const frame = Buffer.from(new ArrayBuffer(128), 0, 74);
  frame.writeUInt16BE(0x0800, 12);
  const randomSource = 1;
  const run = (name: string): void => {
    const times = Array.from({ length: rounds }, () => testRun(program, frame, repeats).ns);
    say(`| ${name} | ${Math.min(...times)} | ${Math.max(...times)} |`);
  };
  say();
  say('Frames made anew each time (a SYN over IPv4), random sources:');
  say();
  head();
  config.change({ mss4: port, mss6: randomSource });
  run('the frame alone');
  flag('exact', 'prefix');
  const batches: string[] = [];
  run('lists empty');
  // The first one maps the table.
  fill(maps.exact4, 1_000, null);
  batches.push(`addresses, 10,000: ${fill(maps.exact4, 10_000, null)}`);
  run('10,000 addresses');
  batches.push(`addresses, 990,000 more: ${fill(maps.exact4, 990_000, null)}`);
  run('1,000,000 addresses');
  batches.push(`trie, 50,000: ${fill(maps.prefix4, 50_000, 24)}`);
  run('1,000,000 addresses and 50,000 prefixes');
  flag('prefix');
  run('trie of 50,000');
  for (const [name, times] of tries)
    say(`| ${name} | ${Math.min(...times)} | ${Math.max(...times)} |`);
  flag('rate');
  const word = Buffer.alloc(8);
  const key = Buffer.alloc(4);
  key.writeUInt32LE(port >> 6);
  word.writeBigUInt64LE(1n << BigInt(port & 63));
  maps.ports.update(key, word);
  config.change({ guard_inserts: 1_000, packet_interval_ns: 1 });
  run('rate, unknown sources, flood guard of 1,000 a second');
  config.change({ guard_inserts: 4_000_000_000 });
  run('rate, unknown sources, no guard');
  config.change({ mss6: 0 });
  flag('cookies', 'timestamps', 'sack', 'window_scale');
  const { action } = testRun(program, frame, 1);
  if (action !== 'tx') throw new Error(`a SYN to a listener: ${action}, not tx`);
  run('SYN to a listener, answered with all options');
  flag('cookies');
  run('SYN to a listener, answered with the MSS alone');
  say();
  say(`Batches, entries a second: ${batches.join('; ')}.`);
}
server.close();
const { values } = parseArgs({ options: { out: { type: 'string' } } });
if (values.out !== undefined) writeFileSync(values.out, `${lines.join('\n')}\n`);
process.exit(0);
