/**
 * Started in a namespace of its own: random SYNs, to a listener mostly, through the packet program, and each
 * answer held against what RFC 9293, 7323 and 2018 say of it. Ends with a report, or with the frame that is wrong.
 *
 *     node test/support/answered-syns.ts FRAMES SEED
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { frameOf, linuxSynOptions } from './frames.ts';
import { randomOf } from './random.ts';
import { TestShield } from './test-shield.ts';

const [frames = '1000', seed = '1'] = process.argv.slice(2);
const random = randomOf(Number(seed));
const below = (limit: number): number => Math.floor(random() * limit);
const pick = <T>(all: readonly T[]): T => all[below(all.length)] as T;
const bytes = (count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => below(256)));

writeFileSync('/proc/sys/net/ipv4/tcp_syncookies', '2');
const server = createServer().listen(0, '::');
await new Promise((resolve) => server.once('listening', resolve));
const address = server.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;

const terms = { mss4: 1_460, mss6: 1_440, window: 64_240, window_scale: 10, ttl: 61 };
const shield = new TestShield();
shield.protect(port);
shield.shield.config.change(terms);
const offers = ['timestamps', 'sack', 'window_scale'] as const;

const counts: Record<string, number> = { tx: 0, full: 0, drop: 0, pass: 0 };
const room = Buffer.from(new ArrayBuffer(2_048));
let offered: ReadonlySet<string> = new Set();
for (let i = 0; i < Number(frames); i++) {
  if (i % 512 === 0) {
    offered = new Set(offers.filter(() => below(4) > 0));
    shield.flags('cookies', 'tcp_sanity', ...offered);
  }
  const made = randomSyn();
  const frame = room.subarray(0, made.length);
  made.copy(frame);
  const { action, frame: left } = shield.run(frame);
  counts[action] = (counts[action] ?? 0) + 1;
  try {
    if (action === 'tx') checkAnswer(frame, left);
    else assert(['pass', 'drop'].includes(action) && left.equals(frame), action);
  } catch (error) {
    process.stderr.write(`${frame.toString('hex')}\n${left.toString('hex')}\n`);
    throw error;
  }
}
process.stdout.write(`${JSON.stringify(counts)}\n`);
process.exit(0);

function randomSyn(): Buffer {
  const is4 = below(2) === 0;
  const frame = frameOf({
    from: is4 ? '127.0.0.9' : '::1',
    to: is4 ? '127.0.0.1' : '::1',
    flags: pick(['S', 'S', 'S', 'S', 'S', 'SE', 'SEW', 'SP', 'SU']),
    sport: 1 + below(65_535),
    dport: below(40) === 0 ? below(65_536) : port,
    tcpOptions: randomOptions(),
    vlans: pick([[], [], [], [0x8100], [0x88a8, 0x8100]]),
    payload: pick([0, 0, 0, 1, 200]),
    ...(below(20) === 0 ? (is4 ? { ipOptions: 8 } : { extensions: [60] }) : {}),
    hops: below(256),
  });
  const tcp = headerAt(frame).tcp;
  frame.writeUInt32BE(below(2 ** 32), tcp + 4);
  // Anything, anywhere behind the addresses of the link.
  if (below(3) === 0)
    for (let edits = 1 + below(3); edits > 0; edits--)
      frame[12 + below(frame.length - 12)] = below(256);
  // A frame shorter than Ethernet's is padded.
  return below(4) === 0 ? Buffer.concat([frame, bytes(below(20))]) : frame;
}

function randomOptions(): string {
  if (below(4) === 0) return linuxSynOptions;
  const parts: Buffer[] = [];
  for (let left = below(41); left > 0; ) {
    const part = pick([
      () => Buffer.from([1]),
      () => Buffer.from([0]),
      () => Buffer.concat([Buffer.from([2, 4]), bytes(2)]),
      () => Buffer.from([3, 3, below(256)]),
      () => Buffer.from([4, 2]),
      () => Buffer.concat([Buffer.from([8, 10]), bytes(8)]),
      () => Buffer.concat([Buffer.from([pick([3, 4, 8, 34, 253]), below(12)]), bytes(below(4))]),
    ])();
    parts.push(part.subarray(0, left));
    left -= part.length;
  }
  const all = Buffer.concat(parts);
  return Buffer.concat([all, Buffer.alloc((4 - (all.length % 4)) % 4)])
    .subarray(0, 40)
    .toString('hex');
}

function headerAt(frame: Buffer): { ip: number; is4: boolean; tcp: number } {
  let ip = 14;
  while ([0x8100, 0x88a8].includes(frame.readUInt16BE(ip - 2))) ip += 4;
  const is4 = frame.readUInt16BE(ip - 2) === 0x0800;
  return { ip, is4, tcp: ip + (is4 ? ((frame[ip] ?? 0) & 15) * 4 : 40) };
}

function checkAnswer(asked: Buffer, answer: Buffer): void {
  const { ip, is4, tcp } = headerAt(asked);
  assert.deepEqual(answer.subarray(0, 6), asked.subarray(6, 12), 'to the link address that asked');
  assert.deepEqual(answer.subarray(6, 12), asked.subarray(0, 6));
  assert.deepEqual(answer.subarray(12, ip), asked.subarray(12, ip), 'with its tags');
  const [source, destination, bytesOfAddress] = is4 ? [12, 16, 4] : [8, 24, 16];
  const at = (frame: Buffer, offset: number): Buffer =>
    frame.subarray(ip + offset, ip + offset + bytesOfAddress);
  assert.deepEqual(at(answer, source), at(asked, destination));
  assert.deepEqual(at(answer, destination), at(asked, source));
  const answerTcp = ip + (is4 ? 20 : 40);
  const segment = answer.subarray(answerTcp);
  if (is4) {
    assert.equal(answer[ip], 0x45);
    assert.equal(answer.readUInt16BE(ip + 2), 20 + segment.length);
    assert.equal(answer[ip + 8], terms.ttl);
    assert.equal(answer[ip + 9], 6);
    assert.equal(checksum(answer.subarray(ip, ip + 20)), 0);
  } else {
    assert.equal(answer.readUInt32BE(ip), 0x60000000);
    assert.equal(answer.readUInt16BE(ip + 4), segment.length);
    assert.deepEqual([answer[ip + 6], answer[ip + 7]], [6, terms.ttl]);
  }
  const pseudo = Buffer.alloc(4);
  pseudo.writeUInt16BE(6, 0);
  pseudo.writeUInt16BE(segment.length, 2);
  const addresses = answer.subarray(ip + source, ip + source + 2 * bytesOfAddress);
  assert.equal(checksum(Buffer.concat([addresses, pseudo, segment])), 0);

  assert.equal(segment.readUInt16BE(0), port);
  assert.equal(segment.readUInt16BE(2), asked.readUInt16BE(tcp));
  assert.equal(segment.readUInt32BE(8), (asked.readUInt32BE(tcp + 4) + 1) >>> 0);
  assert.equal(segment[12], (segment.length / 4) << 4);
  assert.equal(segment[13], 0x12);
  assert.equal(segment.readUInt16BE(14), terms.window);
  assert.equal(segment.readUInt16BE(18), 0);
  assert.equal(segment.readUInt16BE(20), 0x0204);
  assert.equal(segment.readUInt16BE(22), is4 ? terms.mss4 : terms.mss6);
  const header = ((asked[tcp + 12] ?? 0) >> 4) * 4;
  checkOptions(segment, readOptions(asked.subarray(tcp + 20, tcp + header)));
}

type SynOptions = { timestamp: number | null; sack: boolean; scale: number | null };

/** As a receiver reads them: the first timestamp, the last window scale, fourteen options at most. */
function readOptions(options: Buffer): SynOptions {
  const found: SynOptions = { timestamp: null, sack: false, scale: null };
  for (let at = 0, seen = 0; at < options.length && seen < 14; seen++) {
    const kind = options[at];
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = options[at + 1] ?? 0;
    if (length < 2) break;
    if (kind === 3 && length === 3) found.scale = options[at + 2] ?? 0;
    if (kind === 4 && length === 2) found.sack = true;
    if (kind === 8 && length === 10 && at + 10 <= options.length)
      found.timestamp ??= options.readUInt32BE(at + 2);
    at += length;
  }
  return found;
}

function checkOptions(segment: Buffer, { timestamp, sack, scale }: SynOptions): void {
  if (timestamp === null || !offered.has('timestamps')) {
    assert.equal(segment.length, 24);
    return;
  }
  counts['full'] = (counts['full'] ?? 0) + 1;
  assert.equal(segment.length, 40);
  const hasSack = sack && offered.has('sack');
  const agreed = offered.has('window_scale') ? scale : null;
  assert.equal(segment.readUInt16BE(24), hasSack ? 0x0402 : 0x0101);
  assert.equal(segment.readUInt16BE(26), 0x080a);
  const low = (segment.readUInt32BE(28) & 63) >>> 0;
  assert.equal(
    low & 15,
    agreed === null ? 15 : Math.min(agreed, 14),
    'the kernel reads the scale here',
  );
  assert.equal((low >> 4) & 1, hasSack ? 1 : 0);
  assert.equal(segment.readUInt32BE(32), timestamp);
  assert.equal(
    segment.readUInt32BE(36),
    agreed === null ? 0x01010101 : 0x01030300 | terms.window_scale,
  );
}

/** RFC 1071; 0 over what holds its own right checksum. */
function checksum(data: Buffer): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 2) sum += ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
