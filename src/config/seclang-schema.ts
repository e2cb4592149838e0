/** The keys of `waf.rules.NAME` for a rule set in SecLang, as the Core Rule Set and `builtin:core` are. */
import Type from 'typebox';
import { strict } from './schema-parts.ts';

const score = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description }));

const exclusion = Type.Object(
  {
    host: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_.-]{1,253}$',
        description: 'the host of the request it holds for, without its port; left out: every host',
      }),
    ),
    path: Type.Optional(
      Type.String({
        pattern: '^/[^\\s"\\\\]*$',
        maxLength: 1_024,
        description: 'prefix of the request path it holds for; left out: every path',
      }),
    ),
    exact: Type.Boolean({
      default: false,
      description: 'the path is the whole of it, and no prefix',
    }),
    parameters: Type.Array(Type.String({ pattern: '^[A-Z_]+(?::[^\\s",;\'\\\\]{1,256})?$' }), {
      default: [],
      maxItems: 64,
      description:
        'what the rules no longer look at, for example ARGS:comment or REQUEST_COOKIES:session; none: the rules do not run at all',
    }),
    rules: Type.Array(Type.String({ pattern: '^[0-9]{1,9}(?:-[0-9]{1,9})?$' }), {
      default: [],
      maxItems: 256,
      description: 'identifiers of rules, each alone or as FROM-TO',
    }),
    tags: Type.Array(Type.String({ pattern: '^[A-Za-z0-9_./:-]{1,128}$' }), {
      default: [],
      maxItems: 64,
      description: 'all rules with one of these tags, for example attack-sqli',
    }),
  },
  strict,
);

export const seclangKeys = {
  seclang: Type.Optional(
    Type.Array(Type.String({ maxLength: 4_096 }), {
      minItems: 1,
      maxItems: 256,
      description:
        'rules in SecLang: files and folders in load order, compiled at start; a folder of the Core Rule Set is read in its own order, installed:crs is the one of Debian’s package modsecurity-crs. This or module',
    }),
  ),
  paranoia: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 4,
      description:
        'with seclang or builtin:core: paranoia level (tx.blocking_paranoia_level, in version 3 tx.paranoia_level); left out: as the files say, 1 for builtin:core',
    }),
  ),
  inboundThreshold: score(
    'anomaly score at which a request is blocked (tx.inbound_anomaly_score_threshold); left out: as the files say',
  ),
  outboundThreshold: score(
    'anomaly score at which a response is blocked (tx.outbound_anomaly_score_threshold); left out: as the files say',
  ),
  setup: Type.Record(
    Type.String({ pattern: '^[a-z0-9_.-]{1,64}$' }),
    Type.Union([Type.Integer(), Type.String({ pattern: '^[^\'"\\\\\\r\\n]*$', maxLength: 4_096 })]),
    {
      default: {},
      maxProperties: 256,
      description: 'variables set behind the setup file, by their names without "tx."',
    },
  ),
  exclusions: Type.Array(exclusion, {
    default: [],
    maxItems: 256,
    description: 'what rules are not to look at, each by path, parameters, and rules or tags',
  }),
} as const;
