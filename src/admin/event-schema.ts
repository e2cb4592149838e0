/** What the management API answers about events. */
import Type, { type Static } from 'typebox';
import { eventKinds } from '#events/security-event.ts';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const text = Type.String();

export const eventsMax = 1_000;
export const eventsDefault = 50;

export const eventStatus = Type.Object(
  {
    /** Since the node started. */
    total: count,
    kept: count,
  },
  strict,
);

export const eventQuery = Type.Object(
  { limit: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,2}$' })) },
  strict,
);
export type EventQuery = Static<typeof eventQuery>;

const event = Type.Object(
  {
    id: text,
    atMs: count,
    kind: Type.Union(eventKinds.map((kind) => Type.Literal(kind))),
    client: text,
    method: text,
    host: text,
    path: text,
    route: text,
    status: count,
    rule: text,
    reason: text,
    matches: Type.Array(
      Type.Object(
        {
          rule: text,
          message: text,
          severity: Type.Union([count, Type.Null()]),
          tags: Type.Array(text),
          target: text,
          mode: Type.Union([
            Type.Literal('block'),
            Type.Literal('challenge'),
            Type.Literal('monitor'),
          ]),
        },
        strict,
      ),
    ),
    score: Type.Integer(),
    wafMs: Type.Number({ minimum: 0 }),
  },
  strict,
);

export const eventListAnswer = Type.Object({ events: Type.Array(event) }, strict);
