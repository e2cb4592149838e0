/** What the status of a node says about CrowdSec. */
import Type from 'typebox';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const text = Type.String();
const textOrNull = Type.Union([text, Type.Null()]);

export const crowdsecStatus = Type.Object(
  {
    /** Null where no agent is followed. */
    lapi: Type.Union([
      Type.Object(
        {
          url: text,
          entries: count,
          leftOut: Type.Object({ private: count, protected: count, wide: count }, strict),
          ignored: count,
          askedAt: textOrNull,
          problem: textOrNull,
        },
        strict,
      ),
      Type.Null(),
    ]),
    /** Null where no bouncer is answered. */
    serve: Type.Union([
      Type.Object(
        {
          address: text,
          bouncers: Type.Array(Type.Object({ name: text, askedAt: textOrNull }, strict)),
        },
        strict,
      ),
      Type.Null(),
    ]),
  },
  strict,
);
