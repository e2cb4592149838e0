/** What the management API answers about feeds. */
import Type from 'typebox';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const text = Type.String();
const textOrNull = Type.Union([text, Type.Null()]);

export const feedStatus = Type.Object(
  {
    name: text,
    source: text,
    format: text,
    action: text,
    entries: count,
    leftOut: Type.Object({ private: count, protected: count, wide: count }, strict),
    skippedLines: count,
    firstSkipped: textOrNull,
    checkedAt: textOrNull,
    nextAt: textOrNull,
    endsAt: textOrNull,
    sha256: textOrNull,
    problem: textOrNull,
    isTooOld: Type.Boolean(),
  },
  strict,
);

export const feedListAnswer = Type.Object({ feeds: Type.Array(feedStatus) }, strict);
