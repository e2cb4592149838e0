/** Bodies, parameters and answers of the management API that are about recordings, replays and shadows. */
import Type, { type Static, type TSchema } from 'typebox';
import { moduleBytesMax } from '#core/module-files.ts';
import { difference } from '#replay/difference.ts';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const text = Type.String();
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const name = Type.String({ minLength: 1, maxLength: 100 });
const file = Type.String({ minLength: 1, maxLength: 4_096, pattern: '^/' });
const share = Type.Number({ minimum: 0.01, maximum: 100 });

export const recordMinutesMax = 1_440;
export const recordRequestsMax = 1_000_000;
export const recordBytesMax = 1_073_741_824;
/** Of the body of one answer. */
export const recordAnswerBytesMax = 1_048_576;
export const recordDefaults = {
  minutes: 10,
  sharePercent: 100,
  requestsMax: 10_000,
  bytesMax: 67_108_864,
  answerBytes: 0,
} as const;

export const recordBody = Type.Union([
  Type.Null(),
  Type.Object(
    {
      minutes: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: recordMinutesMax })),
      sharePercent: Type.Optional(share),
      routes: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 1_024 }), { maxItems: 256 }),
      ),
      requestsMax: Type.Optional(Type.Integer({ minimum: 1, maximum: recordRequestsMax })),
      bytesMax: Type.Optional(Type.Integer({ minimum: 65_536, maximum: recordBytesMax })),
      answerBytes: Type.Optional(Type.Integer({ minimum: 0, maximum: recordAnswerBytesMax })),
    },
    strict,
  ),
]);
export type RecordBody = Static<typeof recordBody>;

export const recordingStatus = Type.Object(
  {
    id: text,
    state: Type.Enum(['running', 'whole', 'cut'] as const),
    startedAt: text,
    endedAt: orNull(text),
    bytes: count,
    /** Null where it was cut off. */
    requests: orNull(count),
    dropped: orNull(count),
    sharePercent: Type.Number(),
    routes: Type.Array(text),
    /** That are kept of the body of each answer. */
    answerBytes: count,
    why: orNull(text),
    /** Of the one that is under way. */
    bounds: orNull(
      Type.Object({ minutes: Type.Number(), requestsMax: count, bytesMax: count }, strict),
    ),
  },
  strict,
);
export const recordingsAnswer = Type.Object({ recordings: Type.Array(recordingStatus) }, strict);
export const recordingParams = Type.Object({ name }, strict);
export const recordingRemoved = Type.Object({ id: text }, strict);

/** Base64 has four characters for three bytes. */
const moduleText = Type.String({
  minLength: 1,
  maxLength: Math.ceil(moduleBytesMax / 3) * 4,
  pattern: '^[A-Za-z0-9+/]+={0,2}$',
});
const rulesMax = 8;
const candidateRule = Type.Object(
  {
    name,
    module: Type.Optional(moduleText),
    seclang: Type.Optional(Type.Array(file, { minItems: 1, maxItems: 256 })),
  },
  strict,
);
/** One module at its largest, with room for its words; larger sets are named in a configuration. */
export const replayBodyBytesMax = Math.ceil(moduleBytesMax / 3) * 4 * 2;

export const examplesMax = 1_000;
export const replayBody = Type.Object(
  {
    recording: name,
    rules: Type.Optional(Type.Array(candidateRule, { minItems: 1, maxItems: rulesMax })),
    /** Path of a configuration on the machine of the node. */
    config: Type.Optional(file),
    examples: Type.Optional(Type.Integer({ minimum: 0, maximum: examplesMax })),
    requestsMax: Type.Optional(Type.Integer({ minimum: 1, maximum: recordRequestsMax })),
  },
  strict,
);
export type ReplayBody = Static<typeof replayBody>;

export const replayParams = Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{12}$' }) }, strict);
export const replayAnswer = Type.Object(
  {
    id: text,
    recording: text,
    state: Type.Enum(['running', 'done', 'failed'] as const),
    requests: count,
    sharePercent: Type.Number(),
    difference: orNull(difference),
    problem: orNull(text),
    details: Type.Array(text),
  },
  strict,
);

/** What a change has to pass before it is made. */
export const gateTerms = Type.Object(
  { recording: name, newBlocksMax: Type.Integer({ minimum: 0, maximum: recordRequestsMax }) },
  strict,
);
export const reloadBody = Type.Union([
  Type.Null(),
  Type.Object({ replay: Type.Optional(gateTerms) }, strict),
]);
export type ReloadBody = Static<typeof reloadBody>;

export const shadowParams = Type.Object({ name }, strict);
export const shadowBody = Type.Object(
  {
    module: Type.Optional(moduleText),
    seclang: Type.Optional(Type.Array(file, { minItems: 1, maxItems: 256 })),
    sharePercent: Type.Optional(share),
  },
  strict,
);
export type ShadowBody = Static<typeof shadowBody>;
export const shadowAnswer = Type.Object(
  {
    name: text,
    sha256: text,
    origin: Type.Enum(['operator', 'config'] as const),
    sharePercent: Type.Number(),
    startedAt: text,
    generation: count,
    off: orNull(text),
    difference,
  },
  strict,
);
export const shadowsAnswer = Type.Object({ shadows: Type.Array(shadowAnswer) }, strict);

export const replayStatus = Type.Object(
  {
    recording: orNull(Type.Object({ id: text, requests: count, dropped: count }, strict)),
    shadows: Type.Array(
      Type.Object(
        { name: text, off: orNull(text), requests: count, newlyBlocked: count, newlyPassed: count },
        strict,
      ),
    ),
  },
  strict,
);
