/**
 * Packets of a case as the shield would hand them to a module, and how what the module says of one differs
 * from what the case expects.
 */
import { parseIp } from '#core/ip.ts';
import { type PacketVerdict, undecided } from '#wasm/packet-verdict.ts';
import type { PacketView } from '#wasm/packet-view.ts';
import type { CaseDifference } from './case-outcome.ts';
import type { ExpectedPacketVerdict, PacketStep } from './packet-schema.ts';

const protocols = { tcp: 6, udp: 17, icmp: 1 } as const;
const icmp6 = 58;
const flagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];
const firstSequence = 1_000;

/** Where each flow is: what a packet that does not say so follows. */
type Place = { number: number; sequence: number };

/** `readCases` has checked the steps. */
export function packetViewsOf(steps: readonly PacketStep[]): readonly PacketView[] {
  const flows = new Map<string, Place>();
  return steps.map((step) => {
    // Each direction numbers its bytes for itself.
    const key = `${step.flow} ${step.outgoing}`;
    const place = flows.get(key) ?? { number: 0, sequence: firstSequence };
    flows.set(key, place);
    return viewOf(step, place);
  });
}

function viewOf(step: PacketStep, place: Place): PacketView {
  const isTcp = step.protocol === 'tcp';
  const payload = payloadOf(step);
  const wireBytes = Math.max(step.wireBytes ?? payload.length, payload.length);
  const tcpFlags = isTcp ? flagsOf(step.flags) : 0;
  const tcpSequence = isTcp ? (step.sequence ?? place.sequence) : 0;
  place.number = step.number ?? place.number + 1;
  // SYN and FIN take a number of their own (RFC 9293 section 3.4).
  place.sequence = (tcpSequence + wireBytes + (tcpFlags & 1) + ((tcpFlags >> 1) & 1)) >>> 0;
  const source = parseIp(step.from);
  const destination = parseIp(step.to);
  const family = source?.family ?? 4;
  return {
    family,
    protocol: step.protocol === 'icmp' && family === 6 ? icmp6 : protocols[step.protocol],
    source: bytesOf(source?.words, family),
    destination: bytesOf(destination?.words, family),
    sourcePort: step.protocol === 'icmp' ? 0 : step.fromPort,
    destinationPort: step.protocol === 'icmp' ? 0 : step.port,
    ...{ tcpFlags, tcpSequence, number: place.number, flow: BigInt(step.flow) },
    ...{ begins: step.begins || (tcpFlags & 0x12) === 2, isIncoming: !step.outgoing },
    ...{ payload, wireBytes },
  };
}

export function payloadOf({
  payload,
  payloadHex,
}: Pick<PacketStep, 'payload' | 'payloadHex'>): Buffer {
  if (payload !== undefined) return Buffer.from(payload);
  return Buffer.from((payloadHex ?? '').replaceAll(' ', ''), 'hex');
}

const flagsOf = (text: string): number =>
  flagNames.reduce((flags, name, bit) => (text.includes(name) ? flags | (1 << bit) : flags), 0);

function bytesOf(words: Uint32Array | undefined, family: 4 | 6): Buffer {
  const bytes = Buffer.alloc(family === 4 ? 4 : 16);
  for (let i = 0; i * 4 < bytes.length; i++) bytes.writeUInt32BE(words?.[i] ?? 0, i * 4);
  return bytes;
}

export type PacketOutcome = {
  readonly verdict: PacketVerdict;
  /** What failed in the module, one line each. */
  readonly failures: readonly string[];
  readonly log: readonly string[];
  readonly blocks: readonly string[];
};

export const packetNotMade = (why: string): PacketOutcome => ({
  verdict: undecided,
  failures: [why],
  log: [],
  blocks: [],
});

/** Empty when all is as the case says. `at` names the packet among several. */
export function packetDifferences(
  step: PacketStep,
  outcome: PacketOutcome,
  at: string,
): CaseDifference[] {
  const found: CaseDifference[] = [];
  const compare = (what: string, expected: string, actual: string): void => {
    if (expected !== actual) found.push({ what: `${at}${what}`, expected, actual });
  };
  compareVerdict(step.verdict, outcome, compare);
  for (const what of ['log', 'blocks'] as const)
    if (step[what] !== undefined)
      compare(what, JSON.stringify(step[what]), JSON.stringify(outcome[what]));
  return found;
}

function compareVerdict(
  expected: ExpectedPacketVerdict | undefined,
  { verdict, failures }: PacketOutcome,
  compare: (what: string, expected: string, actual: string) => void,
): void {
  const failure = failures[0];
  if (expected?.kind === 'failure') {
    const { reason = '' } = expected;
    if (failure === undefined || !failure.includes(reason))
      compare('verdict', `failure ${reason}`.trim(), shown(verdict, failure));
    return;
  }
  if (failure !== undefined || (expected !== undefined && expected.kind !== verdict.kind)) {
    const wanted =
      expected === undefined ? 'no failure' : `${expected.kind} ${expected.rule ?? ''}`.trim();
    compare('verdict', wanted, shown(verdict, failure));
    return;
  }
  if (expected === undefined || !('rule' in verdict)) return;
  for (const key of ['rule', 'target', 'reason', 'matched'] as const)
    if (expected[key] !== undefined) compare(`verdict.${key}`, expected[key], verdict[key]);
}

function shown(verdict: PacketVerdict, failure: string | undefined): string {
  if (failure !== undefined) return `failure ${failure}`;
  return 'rule' in verdict ? `${verdict.kind} ${verdict.rule}` : verdict.kind;
}
