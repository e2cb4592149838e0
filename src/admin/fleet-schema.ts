/** Bodies and answers of what a node does in its fleet. */
import Type, { type Static, type TSchema } from 'typebox';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

/** The longest a decision of a fleet lives: 30 days, also where no end is asked for. */
export const fleetTtlSecondsMax = 30 * 86_400;
/** The longest a caller waits to hear of the others. */
export const fleetWaitMsMax = 9_000;

const waitMs = Type.Optional(Type.Integer({ minimum: 0, maximum: fleetWaitMsMax }));

export const fleetBlockBody = Type.Object(
  {
    target: Type.String({ minLength: 2, maxLength: 64, description: 'an address or a CIDR range' }),
    action: Type.Optional(Type.Union([Type.Literal('drop'), Type.Literal('monitor')])),
    ttlSeconds: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: fleetTtlSecondsMax }))),
    reason: Type.Optional(
      Type.String({ maxLength: 256, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$' }),
    ),
    waitMs,
  },
  strict,
);

export const fleetRemoveQuery = Type.Object(
  { waitMs: Type.Optional(Type.String({ pattern: '^[0-9]{1,4}$' })) },
  strict,
);

export const fleetBlockAnswer = Type.Object(
  {
    target: Type.String(),
    action: Type.Union([Type.Literal('drop'), Type.Literal('monitor'), Type.Literal('clear')]),
    expiresAt: orNull(Type.String()),
    /** Of the node's list, and where it is in force here. */
    version: count,
    workers: count,
    kernel: Type.Boolean(),
    issuer: Type.String(),
    /** Of the batch, as members name it. */
    sequence: count,
    /** False: it goes out as soon as there is a bus. */
    published: Type.Boolean(),
    /** Other nodes: those there are, those heard of lately, those that said it is in force there. */
    others: count,
    present: count,
    acknowledged: count,
    waitedMs: count,
    /** For `clear`: whether the fleet had decided anything of it. */
    removed: Type.Boolean(),
  },
  strict,
);

export const fleetStatus = Type.Object(
  {
    name: Type.String(),
    nodeId: Type.String(),
    state: Type.Union([
      Type.Literal('connected'),
      Type.Literal('reconnecting'),
      Type.Literal('closed'),
    ]),
    server: orNull(Type.String()),
    reason: orNull(Type.String()),
    members: count,
    /** Version of the list of members; null where nobody signed it. */
    roster: orNull(count),
    peers: Type.Array(
      Type.Object(
        { id: Type.String(), entries: orNull(count), inStep: orNull(Type.Boolean()) },
        strict,
      ),
    ),
    /** Decisions that are kept, those in force here, and those on what this node lives by. */
    entries: count,
    enforced: count,
    spared: count,
    /** Modules and policies of the fleet, and how they stand here. */
    rules: Type.Array(
      Type.Object(
        {
          kind: Type.Union([Type.Literal('module'), Type.Literal('policy')]),
          name: Type.String(),
          state: Type.String(),
          running: orNull(Type.String()),
          rollout: Type.String(),
          reason: Type.String(),
        },
        strict,
      ),
    ),
    lastExchange: orNull(Type.String()),
    waiting: count,
    dropped: count,
    clockSkewMs: orNull(Type.Number()),
    refused: Type.Record(Type.String(), count),
    /** What modules count over the fleet. `shared` is false where each node counts by itself. */
    counters: Type.Object(
      {
        used: Type.Boolean(),
        shared: Type.Boolean(),
        cells: count,
        waiting: count,
        nodes: count,
      },
      strict,
    ),
  },
  strict,
);

export type FleetBlockBody = Static<typeof fleetBlockBody>;
export type FleetBlockAnswer = Static<typeof fleetBlockAnswer>;
export type FleetStatus = Static<typeof fleetStatus>;
