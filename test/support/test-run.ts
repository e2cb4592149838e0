/** Runs a program on a frame of ours without any interface: what tests and benches are made of. */
import { addressOf, bpf, stable, stableBuffer } from '#synproxy/bpf-call.ts';

export const xdpActions = ['aborted', 'drop', 'pass', 'tx', 'redirect'] as const;
export type XdpAction = (typeof xdpActions)[number];

export type TestRun = {
  readonly action: XdpAction;
  /** The frame as the program left it; the same memory in the next run. */
  readonly frame: Buffer;
  /** Mean of all repeats. */
  readonly ns: number;
};

const roomBytes = 16_384;
const out = { buffer: null as Buffer | null };

export function testRun(program: number, frame: Uint8Array, repeat = 1): TestRun {
  out.buffer ??= stableBuffer(roomBytes);
  const input = stable(frame);
  const attribute = stableBuffer(80);
  attribute.writeUInt32LE(program, 0);
  attribute.writeUInt32LE(input.length, 8);
  attribute.writeUInt32LE(roomBytes, 12);
  attribute.writeBigUInt64LE(addressOf(input), 16);
  attribute.writeBigUInt64LE(addressOf(out.buffer), 24);
  attribute.writeUInt32LE(repeat, 32);
  bpf('PROG_TEST_RUN', attribute, `a frame of ${frame.length} bytes`);
  return {
    action: xdpActions[attribute.readUInt32LE(4)] ?? 'aborted',
    frame: out.buffer.subarray(0, attribute.readUInt32LE(12)),
    ns: attribute.readUInt32LE(36),
  };
}
