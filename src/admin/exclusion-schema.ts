/** What the management API takes and answers about exclusions made from events. */
import Type, { type Static } from 'typebox';
import { storedExclusion } from '#state/exclusion-file.ts';
import { ttlSecondsMax } from './schema.ts';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const text = Type.String();
const orNull = <const T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const { id, ruleSet, host, path, exact, parameters, rules, event, reason, owner } =
  storedExclusion.properties;

export const exclusionBody = Type.Object(
  {
    event: Type.String({ minLength: 1, maxLength: 128 }),
    rule: Type.Optional(orNull(Type.String({ maxLength: 128 }))),
    path: Type.Optional(orNull(Type.String({ maxLength: 1_024 }))),
    /** For the host of the request alone. */
    host: Type.Optional(Type.Boolean()),
    reason: Type.Optional(reason),
    owner: Type.Optional(owner),
    ttlSeconds: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: ttlSecondsMax }))),
    dryRun: Type.Optional(Type.Boolean()),
  },
  strict,
);
export type ExclusionBody = Static<typeof exclusionBody>;

export const exclusionParams = Type.Object({ id: Type.String({ maxLength: 16 }) }, strict);

const proposed = { ruleSet, host, path, exact, parameters, rules };

export const exclusionAnswer = Type.Object(
  {
    event: text,
    exclusions: Type.Array(Type.Object(proposed, strict)),
    wider: Type.Array(text),
    tried: Type.Array(
      Type.Object(
        {
          ruleSet: text,
          on: Type.Union([Type.Literal('recording'), Type.Literal('event')]),
          outcome: Type.Union([Type.Literal('mended'), Type.Literal('not-reproduced')]),
          stillStoppedBy: orNull(text),
        },
        strict,
      ),
    ),
    ids: Type.Array(text),
    live: orNull(Type.Object({ generation: count, workers: count }, strict)),
    expiresAt: orNull(text),
  },
  strict,
);

export const exclusionListAnswer = Type.Object(
  {
    exclusions: Type.Array(
      Type.Object(
        {
          ...{ id, ...proposed, event, reason, owner },
          createdAt: text,
          expiresAt: orNull(text),
          isLive: Type.Boolean(),
        },
        strict,
      ),
    ),
  },
  strict,
);

export const exclusionRemoved = Type.Object(
  { id: text, generation: count, workers: count },
  strict,
);
