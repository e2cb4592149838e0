/**
 * What is rolled out, said by its hash: a rule module with its signature, cases and source map, or a policy with the modules
 * it brings along. The bytes themselves travel apart (`object-store.ts`) and are checked against these hashes
 * before anything else looks at them, so that who signs this vouches for every byte of it.
 */
import Type, { type Static } from 'typebox';
import { caseBytesMax, moduleBytesMax, sourceMapBytesMax } from '#core/module-files.ts';
import { moduleSignature } from '#core/module-signature.ts';

const strict = { additionalProperties: false };
export const sha256Text = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** A policy is a few rules and routes in JSON. */
export const policyBytesMax = 256 * 1024;
/** Modules a policy brings along. */
export const policyModulesMax = 16;

/** As `waf.rules` and policies are named. */
export const rulesName = Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' });

const blobOf = (bytesMax: number) =>
  Type.Object(
    { sha256: sha256Text, bytes: Type.Integer({ minimum: 1, maximum: bytesMax }) },
    strict,
  );

export const moduleContent = Type.Object(
  {
    kind: Type.Literal('module'),
    sha256: sha256Text,
    bytes: Type.Integer({ minimum: 1, maximum: moduleBytesMax }),
    signature: Type.Union([moduleSignature, Type.Null()]),
    cases: Type.Union([blobOf(caseBytesMax), Type.Null()]),
    /** Absent where none came. */
    sourceMap: Type.Optional(blobOf(sourceMapBytesMax)),
  },
  strict,
);

export const policyContent = Type.Object(
  {
    kind: Type.Literal('policy'),
    sha256: sha256Text,
    bytes: Type.Integer({ minimum: 2, maximum: policyBytesMax }),
    /** What its rules name as `fleet:SHA256`. */
    modules: Type.Array(moduleContent, { maxItems: policyModulesMax }),
  },
  strict,
);

export const content = Type.Union([moduleContent, policyContent]);

export type ModuleContent = Static<typeof moduleContent>;
export type PolicyContent = Static<typeof policyContent>;
export type Content = Static<typeof content>;
export type ContentKind = Content['kind'];

export type Blob = { readonly sha256: string; readonly bytes: number };

/** Every stretch of bytes that it needs. */
export function blobsOf(wanted: Content): Blob[] {
  const { sha256, bytes } = wanted;
  const further: readonly Blob[] =
    wanted.kind === 'policy'
      ? wanted.modules.flatMap(blobsOf)
      : [wanted.cases ?? [], wanted.sourceMap ?? []].flat();
  return [{ sha256, bytes }, ...further];
}
