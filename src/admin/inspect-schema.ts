/** Body and answer of the management API's question what the live rules say of a request. */
import Type, { type Static, type TSchema } from 'typebox';

const strict = { additionalProperties: false };
const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const inspectedBytesMax = 2_097_152;
/** In base64, with the rest of the body. */
export const inspectBodyBytesMax = Math.ceil((inspectedBytesMax * 4) / 3) + 4_096;

export const inspectBody = Type.Object(
  {
    /** Head and body as they are on the wire, in base64. */
    request: Type.String({ minLength: 1, maxLength: inspectBodyBytesMax }),
    client: Type.Optional(Type.String({ minLength: 2, maxLength: 64 })),
    tls: Type.Optional(Type.Boolean()),
  },
  strict,
);
export type InspectBody = Static<typeof inspectBody>;

const match = Type.Object(
  {
    rule: text,
    message: text,
    severity: orNull(Type.Integer({ minimum: 0, maximum: 7 })),
    tags: Type.Array(text),
    target: text,
    matched: text,
    points: orNull(Type.Number()),
    mode: Type.Enum(['block', 'challenge', 'monitor'] as const),
  },
  strict,
);

export const inspectAnswer = Type.Object(
  {
    generation: count,
    /** Null where no route takes it, or it is refused before. */
    route: orNull(text),
    /** `noted`: it would be stopped, and its route or rule only watches. */
    verdict: Type.Enum(['passed', 'noted', 'stopped', 'refused'] as const),
    kind: orNull(text),
    /** Of a refusal. */
    status: orNull(Type.Integer()),
    /** Which decided; empty for none. */
    rule: text,
    reason: text,
    target: text,
    matched: text,
    score: Type.Number(),
    /** Of modules; null where scores block nothing. */
    blockAtScore: orNull(Type.Number()),
    /** In the order they were found. */
    matches: Type.Array(match),
    matchesUnlisted: count,
    /** Fastest of some runs. */
    microseconds: Type.Number(),
    fuel: count,
    /** Of modules, a line each. */
    failures: Type.Array(text),
  },
  strict,
);
