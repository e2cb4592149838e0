/**
 * Reads what a guest answered. Every number comes from code that is not ours: each is checked before
 * it is used, and what is wrong is a `GuestFailure` that says which field and why.
 */
import { allow, matchedBytesMax, type Verdict } from '#waf/verdict.ts';
import {
  reasonBytesMax,
  ruleBytesMax,
  statusMax,
  statusMin,
  targetBytesMax,
  verdictAllow,
  verdictBlock,
  verdictBytes,
} from './abi.ts';
import { GuestFailure } from './guest-failure.ts';
import type { GuestMemory } from './guest-memory.ts';

/** `answer` is what the phase function returned. */
export function readVerdict(memory: GuestMemory, answer: unknown): Verdict {
  if (answer === verdictAllow) return allow;
  const at = addressOf(answer, 'weir_request_head');
  if (at % 4 !== 0)
    throw new GuestFailure('abi', `the verdict lies at ${at}, which is not a multiple of 4`);
  memory.checkRange(at, verdictBytes, 'the verdict');
  const kind = memory.words[at >>> 2];
  if (kind !== verdictBlock)
    throw new GuestFailure('abi', `verdict kind ${kind} is not known: 1 is block`);
  const status = memory.words[(at >>> 2) + 1] ?? 0;
  if (status < statusMin || status > statusMax) {
    throw new GuestFailure(
      'abi',
      `status ${status} of a block is not between ${statusMin} and ${statusMax}`,
    );
  }
  const rule = text(memory, at + 8, 'rule', ruleBytesMax);
  // It becomes a metric label and a log field that people search for.
  if (!/^[\x21-\x7e]+$/.test(rule)) {
    throw new GuestFailure(
      'abi',
      'the rule of a verdict must be visible ASCII without blanks, and not empty',
    );
  }
  return {
    kind: 'block',
    status,
    rule,
    reason: text(memory, at + 16, 'reason', reasonBytesMax),
    target: text(memory, at + 24, 'target', targetBytesMax),
    matched: text(memory, at + 32, 'matched', matchedBytesMax),
  };
}

/** An address as wasm gives it: a signed 32-bit number, or anything if the type of the export is wrong. */
export function addressOf(answer: unknown, from: string): number {
  if (typeof answer !== 'number' || !Number.isInteger(answer)) {
    throw new GuestFailure('abi', `${from} returned ${String(answer)} where an i32 is expected`);
  }
  return answer >>> 0;
}

function text(memory: GuestMemory, field: number, name: string, bytesMax: number): string {
  const at = memory.words[field >>> 2] ?? 0;
  const length = memory.words[(field >>> 2) + 1] ?? 0;
  if (length > bytesMax)
    throw new GuestFailure(
      'abi',
      `${name} is ${length} bytes long, at most ${bytesMax} are allowed`,
    );
  memory.checkRange(at, length, name);
  return memory.bytes.toString('latin1', at, at + length);
}
