/** Bodies, parameters and answers of the routes for L4 rules. */
import Type, { type Static } from 'typebox';
import { l4RulesMax } from '#core/l4-rule.ts';
import { reasonCharactersMax, ttlSecondsMax } from './schema.ts';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const orNull = <const T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const action = Type.Union([Type.Literal('pass'), Type.Literal('drop'), Type.Literal('inspect')]);
const text = (description: string) =>
  Type.Optional(orNull(Type.String({ minLength: 1, maxLength: 64, description })));

export const ruleAddBody = Type.Object(
  {
    source: text('address or CIDR range the packet comes from; any where it is left out'),
    destination: text('address or CIDR range it goes to'),
    port: text('destination port of TCP and UDP, or a range: 443, 8000-8100'),
    protocol: text('tcp, udp, icmp, icmp6 or a number'),
    action,
    order: Type.Optional(
      orNull(Type.Integer({ minimum: 1, maximum: l4RulesMax, description: 'place in the list' })),
    ),
    all: Type.Optional(Type.Boolean({ description: 'a rule that drops everything is meant' })),
    reason: Type.Optional(
      Type.String({
        maxLength: reasonCharactersMax,
        // Reasons are printed on terminals and written to logs.
        pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
      }),
    ),
    ttlSeconds: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: ttlSecondsMax }))),
  },
  strict,
);

export const ruleParams = Type.Object(
  { id: Type.String({ pattern: '^[1-9][0-9]{0,14}$' }) },
  strict,
);

const change = {
  version: count,
  count,
  kernel: Type.Boolean(),
  problem: orNull(Type.String()),
};

export const ruleChangeAnswer = Type.Object(change, strict);

export const ruleAnswer = Type.Object(
  {
    ...change,
    id: count,
    rule: Type.String(),
    order: count,
    expiresAt: orNull(Type.String()),
  },
  strict,
);

export const ruleListAnswer = Type.Object(
  {
    ...change,
    entries: Type.Array(
      Type.Object(
        {
          order: count,
          id: count,
          source: orNull(Type.String()),
          destination: orNull(Type.String()),
          port: orNull(Type.String()),
          protocol: orNull(Type.String()),
          action,
          reason: Type.String(),
          createdAt: Type.String(),
          expiresAt: orNull(Type.String()),
          hits: orNull(Type.Object({ packets: count, bytes: count }, strict)),
        },
        strict,
      ),
    ),
  },
  strict,
);

export type RuleAddBody = Static<typeof ruleAddBody>;
