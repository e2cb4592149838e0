/** Bodies and answers of the API about who the members of the fleet are. */
import Type, { type Static, type TSchema } from 'typebox';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

/** The longest trust file, and its quotes. */
export const rosterBodyBytesMax = 2 * 1_048_576;

export const rosterBody = Type.Object(
  {
    trust: Type.String({
      maxLength: 1_048_576,
      description: 'a trust file as "weir fleet" makes it, signed by the owner of the fleet',
    }),
  },
  strict,
);

export const rosterAnswer = Type.Object(
  {
    /** Null: the trust file of this orchestrator is not signed. */
    version: orNull(count),
    members: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          role: Type.Union([Type.Literal('node'), Type.Literal('orchestrator')]),
          /** What it has said that it believes; null where nothing was heard of it. */
          believes: orNull(count),
        },
        strict,
      ),
    ),
  },
  strict,
);

export type RosterBody = Static<typeof rosterBody>;
