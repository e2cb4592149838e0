/** What the management API says of rates and behaviour. */
import Type from 'typebox';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });

export const behaviourStatus = Type.Object(
  {
    rates: Type.Object(
      {
        /** Rates of the configuration. */
        count,
        /** Buckets that are not full: of node and workers, those of modules among them. */
        buckets: count,
        limited: count,
        challenged: count,
        monitored: count,
      },
      strict,
    ),
    /** Null where the configuration has none. */
    behaviour: Type.Union([
      Type.Object(
        {
          mode: Type.Union([Type.Literal('block'), Type.Literal('monitor')]),
          /** Whose requests are counted now, and the bytes of the tables, which do not grow. */
          addresses: count,
          tableBytes: count,
          blocked: count,
          /** Routes that have learned what is usual, and those that still do. */
          routesLearned: count,
          routesLearning: count,
          /** Routes whose requests are challenged now. */
          surges: Type.Array(Type.Object({ route: Type.String(), until: Type.String() }, strict)),
        },
        strict,
      ),
      Type.Null(),
    ]),
  },
  strict,
);
