/** `waf.rules.NAME`: a rule module, what it is told, and what it may do. */
import Type, { type Static } from 'typebox';
import { wafMode } from './mode-schema.ts';
import { oneOf, strict } from './schema-parts.ts';
import { seclangKeys } from './seclang-schema.ts';

/** What a module may ask of the host, each by name; everything else is refused at load. */
export const grants = [
  'log',
  'clock',
  'property',
  'kv:request',
  'kv:worker',
  'kv:node',
  'kv:fleet',
  'metrics',
  'regex',
  'block',
  'fetch',
  'crypto',
  'databases',
] as const;

export type Grant = (typeof grants)[number];

export const ruleModule = Type.Object(
  {
    module: Type.Optional(
      Type.String({
        description:
          '"builtin:NAME" for one that ships with Weir (builtin:core is the rule set), a path to a .wasm file, or "oci:FOLDER" or "oci:FOLDER#TAG" for one in an OCI image layout; this or seclang',
      }),
    ),
    ...seclangKeys,
    mode: wafMode(
      'what becomes of what it finds, on every route: block; challenge; monitor: noted, and nothing is changed; off: it is not run',
    ),
    failure: Type.Union([Type.Literal('closed'), Type.Literal('open')], {
      default: 'closed',
      description: 'when the module itself fails: closed answers 503, open lets the request pass',
    }),
    shadow: Type.Optional(
      Type.String({
        maxLength: 4_096,
        description:
          'a candidate that runs beside it on live traffic and changes nothing: a module as in module, or, where this is a rule set in SecLang, a file or folder of rules; what it would do otherwise says "weir shadow status"',
      }),
    ),
    shadowShare: Type.Integer({
      default: 100,
      minimum: 1,
      maximum: 100,
      description: 'with shadow: percent of the requests that the candidate runs on',
    }),
    sha256: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        description:
          'with module: the hash its bytes must have, at every start, reload, load, roll back and order of a fleet; sha256sum FILE says it',
      }),
    ),
    watch: Type.Boolean({ default: false, description: 'load the file anew when it changes' }),
    config: Type.Record(Type.String(), Type.Unknown(), {
      default: {},
      description:
        'handed to the module as JSON, at most 256 KiB; what it may say is the module’s own affair',
    }),
    fuel: Type.Integer({
      default: 20_000_000,
      minimum: 10_000,
      maximum: 1_000_000_000,
      description:
        'instructions one call may take before it is ended as a failure; 20,000,000 are 1 to 20 ms',
    }),
    memoryPagesMax: Type.Integer({
      default: 256,
      minimum: 1,
      maximum: 256,
      description: 'memory an instance may have, in pages of 64 KiB',
    }),
    grants: Type.Array(oneOf(grants, {}), {
      default: [],
      maxItems: 16,
      description: 'host calls the module may import; none unless said here',
    }),
    fetch: Type.Array(Type.String({ maxLength: 2_000 }), {
      default: [],
      maxItems: 16,
      description:
        'with the grant fetch: URLs it may fetch, each a prefix that ends in /, or a whole URL',
    }),
    databases: Type.Record(Type.String({ pattern: '^[a-z0-9-]{1,32}$' }), Type.String(), {
      default: {},
      maxProperties: 8,
      description: 'with the grant databases: MMDB files, by the names the module uses',
    }),
  },
  strict,
);

export type RuleModule = Static<typeof ruleModule>;
