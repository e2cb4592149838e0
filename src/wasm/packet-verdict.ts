/**
 * What a module says of a flow, read from the one record it answers a packet with. As with the verdicts of
 * requests every number comes from code that is not ours.
 */
import type { Finding } from '#waf/verdict.ts';
import { recordBytes, recordKind, verdictAllow } from './abi.ts';
import { GuestFailure } from './guest-failure.ts';
import type { GuestMemory } from './guest-memory.ts';
import { addressOf, findingAt } from './verdict-record.ts';

/**
 * `undecided`: the next packet of the flow is wanted too. The others end it: the flow passes, all that comes
 * of it is dropped, or it passes and the operator is told.
 */
export type PacketVerdict =
  | { readonly kind: 'undecided' }
  | { readonly kind: 'pass' }
  | (Finding & { readonly kind: 'drop' | 'alert' });

export const undecided: PacketVerdict = { kind: 'undecided' };
export const passed: PacketVerdict = { kind: 'pass' };

/** `answer` is what `weir_packet` returned. */
export function readPacketAnswer(memory: GuestMemory, answer: unknown): PacketVerdict {
  if (answer === verdictAllow) return undecided;
  const at = addressOf(answer, 'weir_packet');
  if (at % 4 !== 0)
    throw new GuestFailure('abi', `the verdict lies at ${at}, which is not a multiple of 4`);
  memory.checkRange(at, recordBytes, 'the verdict');
  const [kind, next] = memory.words.subarray(at >>> 2, (at >>> 2) + 2);
  if (next !== 0) throw new GuestFailure('abi', 'a packet is answered with one record');
  switch (kind) {
    case recordKind.passFlow:
      return passed;
    case recordKind.dropFlow:
      return { kind: 'drop', ...findingAt(memory, at) };
    case recordKind.alertFlow:
      return { kind: 'alert', ...findingAt(memory, at) };
    default: {
      const { passFlow, dropFlow, alertFlow } = recordKind;
      const known = `${passFlow} (pass), ${dropFlow} (drop) or ${alertFlow} (alert)`;
      throw new GuestFailure('abi', `record kind ${kind} is none for a packet: ${known} is`);
    }
  }
}

/** What a flow gets from a module that failed. */
export function packetPolicy(
  module: string,
  policy: 'closed' | 'open',
  message: string,
): PacketVerdict {
  if (policy === 'open') return passed;
  return {
    kind: 'drop',
    rule: `${module}/failure`,
    reason: `module failed: ${message}`,
    target: 'module',
    matched: '',
  };
}
