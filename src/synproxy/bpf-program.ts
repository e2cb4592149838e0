/**
 * Loads a program. The verifier's log is asked for only after a refusal (writing it takes many times as
 * long as the check) and cut down to what a person can act on: the last instructions with their source
 * lines, the sentence that refuses, and what usually helps.
 */
import {
  addressOf,
  bpfResult,
  errnoName,
  fixedText,
  KernelError,
  stable,
  stableBuffer,
} from './bpf-call.ts';

const XDP_TYPE = 6;
const XDP_ATTACH = 37;
/** The program reads headers only, which lie in the first buffer of a frame in several. */
const HAS_FRAGMENTS = 1 << 5;
const logBytes = 1024 * 1024;
const linesKept = 12;

const hints: readonly (readonly [RegExp, string])[] = [
  [/prohibited for !root|pointer comparison prohibited/, 'CAP_PERFMON is missing'],
  [
    /unknown func/,
    'the kernel is too old for a helper the program calls; 6.1 or newer is supported',
  ],
  [/cannot call GPL-restricted/, 'the licence in the object is not compatible with the GPL'],
  [
    /BPF program is too large|too many/,
    'the verifier of this kernel explores more paths than was planned for',
  ],
];

/** The descriptor. Throws KERNEL_PROGRAM_REFUSED, with the log's end in `details`. */
export function loadProgram(name: string, instructions: Uint8Array, license: string): number {
  const attribute = stableBuffer(144);
  const code = stable(instructions);
  const licenseText = stableBuffer(128);
  licenseText.write(license.slice(0, 127), 'latin1');
  attribute.writeUInt32LE(XDP_TYPE, 0);
  attribute.writeUInt32LE(code.length / 8, 4);
  attribute.writeBigUInt64LE(addressOf(code), 8);
  attribute.writeBigUInt64LE(addressOf(licenseText), 16);
  attribute.writeUInt32LE(HAS_FRAGMENTS, 44);
  attribute.write(name.slice(0, 15), 48, 'latin1');
  attribute.writeUInt32LE(XDP_ATTACH, 68);
  const first = bpfResult('PROG_LOAD', attribute);
  if (first >= 0) return first;

  const log = stableBuffer(logBytes);
  attribute.writeUInt32LE(1, 24);
  attribute.writeUInt32LE(log.length, 28);
  attribute.writeBigUInt64LE(addressOf(log), 32);
  const second = bpfResult('PROG_LOAD', attribute);
  if (second >= 0) return second;
  const errno = errnoName(-first);
  const details = readableLog(fixedText(log, 0, log.length));
  const last = details.at(-1);
  throw new KernelError(
    'KERNEL_PROGRAM_REFUSED',
    `the kernel refused program ${name}: ${errno}${last === undefined ? '' : `, ${last}`}`,
    errno,
    { details },
  );
}

/** The last lines that say something, each once, register states left out; the hint last. */
export function readableLog(log: string): readonly string[] {
  const lines = log
    .split('\n')
    .map((line) => line.replace(/\s+; (?:R\d|frame\d).*$/, '').trim())
    .filter(
      (line) =>
        line !== '' && !/^(?:processed \d+|verification time|stack depth|from \d+ to)/.test(line),
    );
  const kept = lines.slice(-linesKept);
  const hint = hints.find(([pattern]) => pattern.test(log))?.[1];
  return hint === undefined ? kept : [...kept, hint];
}
