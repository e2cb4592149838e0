/** Bodies, parameters and answers of the management API that are about rule modules; see `schema.ts`. */
import Type, { type Static, type TSchema } from 'typebox';
import { caseBytesMax, moduleBytesMax, sourceMapBytesMax } from '#core/module-files.ts';
import { moduleSignature } from '#core/module-signature.ts';
import { gateTerms } from './replay-schema.ts';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const literals = <const Value extends string>(...values: readonly Value[]) =>
  Type.Unsafe<Value>(Type.Union(values.map((value) => Type.Literal(value))));
const versionNumber = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const name = Type.String({ minLength: 1, maxLength: 100 });

/** Base64 has four characters for three bytes. */
const base64Characters = (bytes: number): number => Math.ceil(bytes / 3) * 4;

export const moduleNameParams = Type.Object({ name }, strict);
export const moduleVersionParams = Type.Object(
  { name, version: Type.String({ pattern: '^[1-9][0-9]{0,14}$' }) },
  strict,
);

/** A module with what came beside it; alone it is sent as application/wasm. */
export const moduleLoadBody = Type.Object(
  {
    module: Type.String({
      minLength: 1,
      maxLength: base64Characters(moduleBytesMax),
      pattern: '^[A-Za-z0-9+/]+={0,2}$',
    }),
    signature: Type.Optional(moduleSignature),
    cases: Type.Optional(Type.String({ maxLength: caseBytesMax })),
    /** For failures of it: told with the line they came from. */
    sourceMap: Type.Optional(Type.String({ maxLength: sourceMapBytesMax })),
    /** What it has to pass before it is loaded. */
    replay: Type.Optional(gateTerms),
  },
  strict,
);
/** All at their largest, with room for quotes and escapes. */
export const moduleLoadBodyBytesMax =
  base64Characters(moduleBytesMax) + 2 * caseBytesMax + 2 * sourceMapBytesMax;

export const moduleRollbackBody = Type.Union([
  Type.Null(),
  Type.Object({ to: Type.Optional(versionNumber) }, strict),
]);

const origin = literals('config', 'api', 'watch', 'fleet', 'rollback', 'quarantine');
const versionState = literals('live', 'ready', 'retired', 'quarantined', 'failed');

export const moduleStatus = Type.Object(
  {
    name: Type.String(),
    source: Type.String(),
    version: count,
    sha256: Type.String(),
    bytes: count,
    origin,
    state: literals('live', 'off'),
    signedBy: orNull(Type.String()),
    isAsConfigured: Type.Boolean(),
    loadedAt: Type.String(),
    generation: count,
    failure: literals('closed', 'open'),
    watch: Type.Boolean(),
    routes: count,
    failures: count,
    memoryBytes: orNull(count),
    readyMs: orNull(Type.Number({ minimum: 0 })),
    lastError: orNull(Type.String()),
  },
  strict,
);

export const moduleListAnswer = Type.Object({ modules: Type.Array(moduleStatus) }, strict);

export const moduleLoadAnswer = Type.Object(
  { module: moduleStatus, previousSha256: Type.String(), generation: count, workers: count },
  strict,
);

export const moduleHistoryAnswer = Type.Object(
  {
    name: Type.String(),
    versions: Type.Array(
      Type.Object(
        {
          version: count,
          state: versionState,
          sha256: Type.String(),
          bytes: count,
          origin,
          source: Type.String(),
          loadedAt: Type.String(),
          signedBy: orNull(Type.String()),
          sequence: orNull(count),
          isKept: Type.Boolean(),
          error: orNull(Type.String()),
        },
        strict,
      ),
    ),
  },
  strict,
);

export const moduleRemoveAnswer = Type.Object(
  {
    name: Type.String(),
    version: count,
    sha256: Type.String(),
    bytes: count,
    state: versionState,
  },
  strict,
);

export type ModuleLoadBody = Static<typeof moduleLoadBody>;
export type ModuleRollbackBody = Static<typeof moduleRollbackBody>;
