/**
 * Started inside a namespace: SYNs from random sources of 198.18.0.0/15 out of an interface, as fast as one
 * core makes them or so many a second, until its input ends; then it says how many.
 *
 *     node test/support/syn-flood.ts '{"device":"veth0","to":"10.77.0.2","mac":"02:…","port":443,"perSecond":0}'
 *
 * The frames are a test run's, sent by the program itself (`bpf/generate.bpf.c`), so no stack is in the way.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressOf, bpf, stableBuffer } from '#synproxy/bpf-call.ts';
import { createMap, KernelMapByFd } from '#synproxy/bpf-map.ts';
import { linkInstructions, parseBpfObject } from '#synproxy/bpf-object.ts';
import { loadProgram } from '#synproxy/bpf-program.ts';
import { addressBytes } from './frames.ts';

export type FloodTerms = {
  readonly device: string;
  readonly to: string;
  /** Of who is asked. */
  readonly mac: string;
  readonly port: number;
  /** 0: as many as can be. */
  readonly perSecond: number;
};

export type FloodReport = {
  readonly sent: number;
  readonly perSecond: number;
  /** Of this process for one of them; what receives it in between is in it. */
  readonly cpuNs: number;
};

const terms: FloodTerms = JSON.parse(process.argv[2] ?? '{}');
const liveFrames = 2;
const framesAtOnce = 64;
const turnFrames = 8_192;

const object = parseBpfObject(
  readFileSync(join(import.meta.dirname, '../../build/bpf/generate.o')),
);
const [definition] = object.maps;
if (definition === undefined) throw new Error('the generator has no map');
const fd = createMap(definition);
const program = loadProgram(
  'weir_generate',
  linkInstructions(object, new Map([[definition.name, fd]])),
  object.license,
);
const flood = object.layout.struct('flood');
const value = Buffer.alloc(flood.bytes);
const link = (name: string): string =>
  readFileSync(`/sys/class/net/${terms.device}/${name}`, 'utf8').trim();
const macBytes = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex');
value.writeUInt32LE(Number(link('ifindex')), flood.field('interface_index').offset);
addressBytes(terms.to).copy(value, flood.field('destination').offset);
value.writeUInt32LE(terms.port, flood.field('destination_port').offset);
macBytes(terms.mac).copy(value, flood.field('destination_mac').offset);
macBytes(link('address')).copy(value, flood.field('source_mac').offset);
new KernelMapByFd(definition, fd).update(new Uint8Array(4), value);

const frame = stableBuffer(74);
const attribute = stableBuffer(80);
let sent = 0;
let isEnding = false;
const startedAt = performance.now();
const cpuAtStart = process.cpuUsage();
process.stdin.on('end', () => {
  isEnding = true;
});
process.stdin.resume();
process.stdout.write('"started"\n');
turn();

function turn(): void {
  const elapsedMs = performance.now() - startedAt;
  if (isEnding) {
    const { user, system } = process.cpuUsage(cpuAtStart);
    const report: FloodReport = {
      sent,
      perSecond: (sent / elapsedMs) * 1_000,
      cpuNs: ((user + system) * 1_000) / sent,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const due =
    terms.perSecond === 0
      ? turnFrames
      : Math.min(turnFrames, Math.floor((elapsedMs / 1_000) * terms.perSecond) - sent);
  if (due >= framesAtOnce) {
    send(due);
    sent += due;
    setImmediate(turn);
  } else setTimeout(turn, 1);
}

function send(frames: number): void {
  attribute.fill(0);
  attribute.writeUInt32LE(program, 0);
  attribute.writeUInt32LE(frame.length, 8);
  attribute.writeBigUInt64LE(addressOf(frame), 16);
  attribute.writeUInt32LE(frames, 32);
  attribute.writeUInt32LE(liveFrames, 64);
  attribute.writeUInt32LE(framesAtOnce, 72);
  bpf('PROG_TEST_RUN', attribute, 'the flood');
}
