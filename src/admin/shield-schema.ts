/** What the management API takes and answers about packets. */
import Type, { type Static } from 'typebox';
import { type TalkerOrder, talkerOrders } from '#synproxy/top-talkers.ts';

const strict = { additionalProperties: false };
const amount = Type.Number({ minimum: 0 });
const count = Type.Integer({ minimum: 0 });

export const topCountMax = 999;
export const topCountDefault = 20;

export const topQuery = Type.Object(
  {
    by: Type.Optional(
      Type.Union(
        talkerOrders.map((order) => Type.Literal(order)),
        { default: 'packets' },
      ),
    ),
    count: Type.Optional(
      Type.String({ pattern: '^[1-9][0-9]{0,2}$', description: 'sources in the answer; 20' }),
    ),
  },
  strict,
);

const amounts = { packets: amount, bytes: amount, syns: amount, dropped: amount };

export const topAnswer = Type.Object(
  {
    step: Type.String(),
    interfaces: Type.Array(Type.String()),
    /** Null where no packet program is loaded, or its process does not answer. */
    top: Type.Union([
      Type.Null(),
      Type.Object(
        {
          seconds: Type.Union([amount, Type.Null()]),
          sampleOf: count,
          total: Type.Object(amounts, strict),
          talkers: Type.Array(Type.Object({ source: Type.String(), ...amounts }, strict), {
            maxItems: topCountMax,
          }),
          verdicts: Type.Array(
            Type.Object(
              {
                verdict: Type.String(),
                protocol: Type.String(),
                packets: count,
                bytes: count,
                packetsPerSecond: amount,
                bytesPerSecond: amount,
              },
              strict,
            ),
          ),
          lost: Type.Record(Type.String(), count),
        },
        strict,
      ),
    ]),
  },
  strict,
);

export type TopQuery = { readonly by?: TalkerOrder; readonly count?: string };
export type TopAnswer = Static<typeof topAnswer>;
