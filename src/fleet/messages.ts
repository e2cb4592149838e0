/**
 * What members say to each other beside decisions: JSON, one shape for each kind, bounded in every part,
 * parsed once. What is not exactly one of these shapes is refused as a whole: a newer version says `v: 2`,
 * and its members still send what older ones read until they are gone.
 *
 * Nothing here changes what is enforced. Who sent a message is known by its subject, which the server lets
 * that member alone publish; a name inside that differs is refused. What does change something (decisions,
 * commands) is signed, see `#decisions/` and `command.ts`.
 */
import Type, { type Static, type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { memberPattern } from './subjects.ts';

/** The longest message of any kind but pieces of batches. */
export const messageBytesMax = 65_536;
/** Batches a member names as known when it asks for others; of more, those with the most decisions. */
export const knownBatchesMax = 3_000;
/** Buckets of a digest. */
export const digestBuckets = 256;

const strict = { additionalProperties: false };
const member = Type.String({ pattern: memberPattern });
const text = (maxLength: number) => Type.String({ maxLength });
const hash = Type.String({ pattern: '^[0-9a-f]{8,64}$' });
const timeMs = Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 });
const amount = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const sequence = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const version = Type.Literal(1);

export const helloMessage = Type.Object(
  {
    v: version,
    node: member,
    /** Of the listeners, as clients reach them. */
    addresses: Type.Array(text(100), { maxItems: 64 }),
    region: Type.Union([text(64), Type.Null()]),
    tags: Type.Array(text(64), { maxItems: 32 }),
    version: text(64),
    /** SHA-256 of what is live, by the names of rule modules. */
    modules: Type.Record(text(64), hash, { maxProperties: 64 }),
    /** Step of the shield's ladder: "xdp-native", "nftables", "accept" … */
    shield: text(32),
    startedAtMs: timeMs,
    /** Where the management API is reached. */
    admin: text(200),
  },
  strict,
);

/** A metric that is not measured on that machine is not there. */
export const beatMetrics = Type.Object(
  {
    requestsTotal: Type.Optional(amount),
    blockedTotal: Type.Optional(amount),
    errorsTotal: Type.Optional(amount),
    connections: Type.Optional(amount),
    workers: Type.Optional(amount),
    /** Of all processes of the node, in cores, since the beat before. */
    cpuCores: Type.Optional(amount),
    rssBytes: Type.Optional(amount),
    eventLoopP99Ms: Type.Optional(amount),
    blockEntries: Type.Optional(amount),
    fleetEntries: Type.Optional(amount),
  },
  strict,
);

export const beatMessage = Type.Object(
  {
    v: version,
    node: member,
    atMs: timeMs,
    state: Type.Union([
      Type.Literal('ready'),
      Type.Literal('draining'),
      Type.Literal('upgrading'),
      Type.Literal('ending'),
    ]),
    metrics: beatMetrics,
    /** Of everything the member knows, `Digest.root`. */
    digestRoot: hash,
    /** Hash over names and hashes of the rule modules. */
    rules: hash,
    degraded: Type.Array(text(200), { maxItems: 32 }),
  },
  strict,
);

export const ackMessage = Type.Object(
  {
    v: version,
    node: member,
    issuer: member,
    sequence,
    enforced: Type.Object({ kernel: Type.Boolean(), workers: amount }, strict),
  },
  strict,
);

export const digestMessage = Type.Object(
  {
    v: version,
    node: member,
    atMs: timeMs,
    /** As `#decisions/decision-digest.ts` makes them. */
    entries: amount,
    root: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    buckets: Type.String({ pattern: '^[A-Za-z0-9+/]{2731}=$' }),
  },
  strict,
);

/** Which trust file a member believes; `sha256` begins the hash of its text. */
export const rosterMessage = Type.Object(
  {
    v: version,
    node: member,
    version: sequence,
    sha256: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  },
  strict,
);

/** What a member asks another on `weir.F.s.MEMBER`: its trust file, its digest, or batches it has. */
export const rosterRequest = Type.Object(
  { v: version, node: member, asks: Type.Literal('roster') },
  strict,
);
export const digestRequest = Type.Object(
  { v: version, node: member, asks: Type.Literal('digest') },
  strict,
);
export const batchesRequest = Type.Object(
  {
    v: version,
    node: member,
    asks: Type.Literal('batches'),
    /** With something in these buckets; null for all there are. */
    buckets: Type.Union([
      Type.Array(Type.Integer({ minimum: 0, maximum: digestBuckets - 1 }), {
        minItems: 1,
        maxItems: digestBuckets,
      }),
      Type.Null(),
    ]),
    /** `next` of the piece before; null for the first. */
    after: Type.Union([text(100), Type.Null()]),
    /** What it has of them already, by the beginnings of their hashes (`#decisions/batch-pieces.ts`). */
    known: Type.Array(Type.String({ pattern: '^[0-9a-f]{16}$' }), { maxItems: knownBatchesMax }),
  },
  strict,
);

/** What a node says to a command, on the subject the command's message named. */
export const commandAnswer = Type.Object(
  {
    v: version,
    node: member,
    sequence,
    taken: Type.Boolean(),
    /** Why not; empty when taken. */
    reason: text(200),
  },
  strict,
);

export type Hello = Static<typeof helloMessage>;
export type Beat = Static<typeof beatMessage>;
export type BeatMetrics = Static<typeof beatMetrics>;
export type Ack = Static<typeof ackMessage>;
export type DigestMessage = Static<typeof digestMessage>;
export type RosterMessage = Static<typeof rosterMessage>;
export type BatchesRequest = Static<typeof batchesRequest>;
export type CommandAnswer = Static<typeof commandAnswer>;

const shapes = {
  hello: helloMessage,
  beat: beatMessage,
  ack: ackMessage,
  digest: digestMessage,
  roster: rosterMessage,
  askRoster: rosterRequest,
  askDigest: digestRequest,
  askBatches: batchesRequest,
  commandAnswer,
} as const satisfies Record<string, TSchema>;

export type MessageKind = keyof typeof shapes;
export type Message<K extends MessageKind> = Static<(typeof shapes)[K]>;

export type ParsedMessage<K extends MessageKind> =
  | { readonly ok: true; readonly message: Message<K> }
  | { readonly ok: false; readonly reason: 'too-long' | 'malformed' | 'not-yours' };

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

/** `from` is the member its subject names. */
export function parseMessage<K extends MessageKind>(
  kind: K,
  bytes: Uint8Array,
  from: string,
): ParsedMessage<K> {
  if (bytes.length > messageBytesMax) return { ok: false, reason: 'too-long' };
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    return { ok: false, reason: 'malformed' };
  }
  const shape: TSchema = shapes[kind];
  if (!Check(shape, value)) return { ok: false, reason: 'malformed' };
  const message = value as Message<K>;
  return message.node === from ? { ok: true, message } : { ok: false, reason: 'not-yours' };
}

export const encodeMessage = <K extends MessageKind>(_kind: K, message: Message<K>): Uint8Array =>
  encoder.encode(JSON.stringify(message));
