/** What the management API takes and answers about events. */
import Type, { type Static } from 'typebox';
import type { EcsEvent } from '#events/ecs-event.ts';
import { countedBy } from '#events/event-store.ts';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const text = Type.String();

export const eventsMax = 1_000;
export const eventsDefault = 50;
export const countsMax = 100;

export const eventStatus = Type.Object(
  {
    /** Since the node started. */
    total: count,
    /** Null where they are not kept. */
    kept: Type.Union([count, Type.Null()]),
    lost: count,
    sinks: Type.Array(
      Type.Object(
        {
          name: text,
          kind: Type.Union([Type.Literal('file'), Type.Literal('syslog'), Type.Literal('webhook')]),
          sent: count,
          lost: count,
          failures: count,
          waiting: count,
          problem: Type.Union([text, Type.Null()]),
        },
        strict,
      ),
    ),
  },
  strict,
);

const filter = {
  kind: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' })),
  route: Type.Optional(Type.String({ maxLength: 512 })),
  rule: Type.Optional(Type.String({ maxLength: 256 })),
  address: Type.Optional(Type.String({ maxLength: 64 })),
};

export const eventQuery = Type.Object(
  {
    ...filter,
    limit: Type.Optional(Type.String({ pattern: '^(?:[1-9][0-9]{0,2}|1000)$' })),
    /** A place; `now`: no event, only where the next ones will stand behind. */
    after: Type.Optional(Type.String({ pattern: '^(?:[0-9]{1,15}|now)$' })),
  },
  strict,
);
export type EventQuery = Static<typeof eventQuery>;

export const eventCountQuery = Type.Object(
  {
    ...filter,
    by: Type.Optional(Type.Union(countedBy.map((word) => Type.Literal(word)))),
    sinceSeconds: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,8}$' })),
  },
  strict,
);
export type EventCountQuery = Static<typeof eventCountQuery>;

export const eventParams = Type.Object({ id: Type.String({ maxLength: 128 }) }, strict);

/** One JSON line of an event; its form is that of `#events/ecs-event.ts`. */
const ecs = Type.Unsafe<EcsEvent>(
  Type.Object(
    {
      '@timestamp': text,
      event: Type.Object({ action: text, id: text }, { additionalProperties: true }),
      weir: Type.Object({}, { additionalProperties: true }),
    },
    { additionalProperties: true },
  ),
);
const stored = Type.Object({ place: count, ecs }, strict);

export const eventAnswer = stored;
export const eventListAnswer = Type.Object(
  {
    events: Type.Array(stored),
    /** For `after` in the next call. */
    place: count,
  },
  strict,
);
export const eventCountAnswer = Type.Object(
  {
    counts: Type.Array(Type.Object({ name: text, events: count, newestAtMs: count }, strict)),
  },
  strict,
);
