/**
 * What becomes of what a rule finds: `off`, `monitor`, `challenge` or `block`. It may be said of a route, of an entry of
 * `waf.rules`, and of single rules by name or tag; of all that name a rule the weakest holds (`src/waf/rule-modes.ts`).
 */
import Type, { type Static } from 'typebox';
import { namePattern, oneOf, strict } from './schema-parts.ts';

/** From the weakest to the strongest. */
const modes = ['off', 'monitor', 'challenge', 'block'] as const;

export const wafMode = (description: string) => oneOf(modes, { default: 'block', description });

/** `942100`, `942100-942199`, or a name as logs have it: `path-traversal/dot-dot`, `crs/942100`. */
const ruleName = '^(?:[0-9]{1,9}(?:-[0-9]{1,9})?|[!-~]{1,64}/[!-~]{1,128})$';

const ruleMode = Type.Object(
  {
    rules: Type.Array(Type.String({ pattern: ruleName }), {
      default: [],
      maxItems: 256,
      description:
        'rules: identifiers of SecLang rules, each alone or as FROM-TO, and names as they stand in logs, for example path-traversal/dot-dot',
    }),
    tags: Type.Array(Type.String({ pattern: '^[A-Za-z0-9_./:-]{1,128}$' }), {
      default: [],
      maxItems: 64,
      description: 'all SecLang rules with one of these tags, for example attack-sqli',
    }),
    entry: Type.Optional(
      Type.String({
        pattern: namePattern,
        description:
          'a name under waf.rules: only rules of this entry; with neither rules nor tags all of it',
      }),
    ),
    mode: oneOf(['off', 'monitor', 'challenge'], {
      description:
        'off: the rule is not run; monitor: it is noted and changes nothing; challenge: what it blocks is challenged',
    }),
  },
  strict,
);

export const ruleModes = (where: string) =>
  Type.Array(ruleMode, {
    default: [],
    maxItems: 256,
    description: `modes of single rules ${where}; of all that name a rule, the route and its entry the weakest holds`,
  });

export type WafMode = (typeof modes)[number];
export type RuleMode = Static<typeof ruleMode>;
