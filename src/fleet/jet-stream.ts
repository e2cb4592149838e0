/**
 * The stream of a fleet's decisions, a cache for members that were away: bounded in age, bytes and messages,
 * and of no authority. A stream that is empty, rolled back or gone changes nothing; members repair from each
 * other.
 *
 * It is read by single direct gets in place of a consumer, so that a node needs to be permitted two subjects
 * of the JetStream API, each of this one stream: what it holds, and a message by its sequence number.
 * nats-server 2.9 has both. Only an orchestrator may make it.
 */
import { WeirError } from '#core/errors.ts';
import type { Bus, BusAnswer } from './bus.ts';
import { decisionStream, decisionsSubject, everyMember } from './subjects.ts';

const apiTimeoutMs = 3_000;
/** Gets under way at a time. */
const readAhead = 64;
/** Beyond it a snapshot of a peer is the shorter way. */
export const catchUpMessagesMax = 100_000;

export const streamLimits = {
  ageMs: 7 * 86_400_000,
  bytesMax: 256 * 1_048_576,
  messagesMax: 200_000,
} as const;

export type StreamState = {
  /** When it was made: another time is another stream, whatever its sequence numbers say. */
  readonly created: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
};

const encoder = new TextEncoder();
const none = new Uint8Array(0);

/** Null where there is no such stream, or no JetStream. */
export async function streamState(bus: Bus, fleet: string): Promise<StreamState | null> {
  const info = await jetStreamCall(bus, `STREAM.INFO.${decisionStream(fleet)}`, none);
  if (info === null) return null;
  const { created, state } = info as {
    readonly created?: unknown;
    readonly state?: { readonly first_seq?: unknown; readonly last_seq?: unknown };
  };
  const firstSequence = state?.first_seq;
  const lastSequence = state?.last_seq;
  if (
    typeof created !== 'string' ||
    typeof firstSequence !== 'number' ||
    typeof lastSequence !== 'number'
  )
    throw new WeirError('FLEET_BUS_FAILED', 'the state of the stream is not one we know');
  return { created, firstSequence, lastSequence };
}

/** For orchestrators: makes the stream where there is none; one that is there stays as it is. */
export async function ensureStream(bus: Bus, fleet: string): Promise<void> {
  if ((await streamState(bus, fleet)) !== null) return;
  const name = decisionStream(fleet);
  const made = await jetStreamCall(
    bus,
    `STREAM.CREATE.${name}`,
    encoder.encode(
      JSON.stringify({
        name,
        subjects: [decisionsSubject(fleet, everyMember)],
        retention: 'limits',
        discard: 'old',
        storage: 'file',
        num_replicas: 1,
        max_age: streamLimits.ageMs * 1_000_000,
        max_bytes: streamLimits.bytesMax,
        max_msgs: streamLimits.messagesMax,
        max_msg_size: 1_048_576,
        allow_direct: true,
        deny_delete: true,
      }),
    ),
  );
  if (made === null) throw new WeirError('FLEET_BUS_FAILED', 'this NATS server has no JetStream');
}

/** Messages from `from` to `to`, in order as far as they are there still. Returns how many there were. */
export async function readStream(
  bus: Bus,
  fleet: string,
  from: number,
  to: number,
  take: (bytes: Uint8Array) => void,
): Promise<number> {
  let found = 0;
  for (let at = from; at <= to; at += readAhead) {
    const count = Math.min(readAhead, to - at + 1);
    const messages = await Promise.all(
      Array.from({ length: count }, (_, index) => directGet(bus, fleet, at + index)),
    );
    for (const bytes of messages) {
      if (bytes === null) continue;
      found++;
      take(bytes);
    }
  }
  return found;
}

async function directGet(bus: Bus, fleet: string, sequence: number): Promise<Uint8Array | null> {
  const subject = `$JS.API.DIRECT.GET.${decisionStream(fleet)}`;
  const query = encoder.encode(JSON.stringify({ seq: sequence }));
  const answer = await bus.request(subject, query, apiTimeoutMs);
  // 404: past the end, or gone by age.
  return answer.status === 0 || answer.status === 200 ? answer.bytes : null;
}

/** Null where the thing asked about is not there. Throws FLEET_BUS_FAILED. */
export async function jetStreamCall(
  bus: Bus,
  call: string,
  body: Uint8Array,
): Promise<Record<string, unknown> | null> {
  const answer = await bus.request(`$JS.API.${call}`, body, apiTimeoutMs);
  return jsonAnswer(answer, call);
}

export function jsonAnswer(answer: BusAnswer, call: string): Record<string, unknown> | null {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(answer.bytes).toString('utf8'));
  } catch (error) {
    throw new WeirError('FLEET_BUS_FAILED', `${call} was not answered in JSON`, { cause: error });
  }
  if (typeof value !== 'object' || value === null)
    throw new WeirError('FLEET_BUS_FAILED', `${call} was answered by ${typeof value}`);
  const { error } = value as {
    readonly error?: { readonly code?: number; readonly description?: string };
  };
  if (error === undefined) return value as Record<string, unknown>;
  if (error.code === 404) return null;
  throw new WeirError('FLEET_BUS_FAILED', `${call}: ${error.description ?? 'refused'}`);
}
