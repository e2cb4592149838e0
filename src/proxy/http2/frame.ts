/**
 * Frames (RFC 9113 section 4.1 and 6): their head, and what can be said of one from its head alone.
 *
 * ```
 * length 24 | type 8 | flags 8 | 0 1 | stream 31 | payload …
 * ```
 *
 * `checkFrame` is a table, so that no handler has to think of lengths and stream numbers again.
 */
import { type Fault, faults } from './fault.ts';

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = {
  ack: 0x1,
  endStream: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

export const frameHeadBytes = 9;
/** What every endpoint takes (section 4.2); neither side of the edge uses more. */
export const frameBytesMax = 16_384;
export const streamIdMax = 0x7fff_ffff;
export const windowMax = 0x7fff_ffff;
export const initialWindow = 65_535;

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Writes a frame's head at `at`; returns the position after it. */
export function writeFrameHead(
  target: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  return writeUint32(target, at + 5, streamId);
}

export function writeUint32(target: Buffer, at: number, value: number): number {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
  return at + 4;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

const STREAM = 1;
const SESSION = 2;
const EITHER = 3;

/** By type: which stream numbers are right, and the one length there is (-1: any). */
const rules: readonly (readonly [on: number, length: number])[] = [
  [STREAM, -1],
  [STREAM, -1],
  // A PRIORITY of another length is the stream's error only, and looked at there.
  [STREAM, -1],
  [STREAM, 4],
  [SESSION, -1],
  [STREAM, -1],
  [SESSION, 8],
  [SESSION, -1],
  [EITHER, 4],
  [STREAM, -1],
];

/** What is wrong with a frame by its head alone, or null. Unknown types are never wrong (section 4.1). */
export function checkFrame(type: number, length: number, streamId: number): Fault | null {
  if (length > frameBytesMax) return faults.frameSize;
  const rule = rules[type];
  if (rule === undefined) return null;
  if ((rule[0] & (streamId === 0 ? SESSION : STREAM)) === 0) return faults.protocol;
  return rule[1] >= 0 && length !== rule[1] ? faults.frameSize : null;
}
