/**
 * A policy: a part of the configuration that a fleet gives its nodes. It has entries of `waf.rules`, which are added
 * or take the place of what is there, and the `waf` part of routes, found by what they match.
 *
 * ```
 * rules:  { bad-bot: { module: "builtin:bad-bot", failure: open } }
 * routes: [ { host: "*", path: "/", waf: { mode: block, rules: [bad-bot] } } ]
 * ```
 *
 * Listeners, upstreams, routes themselves and keys of a node stay its own. A policy is laid over the configuration as
 * it was read; what comes out is checked like any other, and a node that it does not fit says so and keeps what it had.
 */
import { createHash } from 'node:crypto';
import { isAbsolute } from 'node:path';
import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { assert } from '#core/assert.ts';
import { installedCrs } from '#core/installed-rules.ts';
import { builtinPrefix } from './file-names.ts';
import { canonicalJson, type LoadedConfig } from './load.ts';
import { ruleModule } from './module-schema.ts';
import { type ConfigProblem, sortProblems } from './problem.ts';
import { route } from './route-schema.ts';
import { schemaNode } from './schema-node.ts';
import { namePattern, strict } from './schema-parts.ts';
import { validate } from './validate.ts';
import { parseYamlSource } from './yaml-source.ts';

/** Bytes of a module that the fleet brings along, by their SHA-256. */
export const fleetModulePrefix = 'fleet:';
const fleetModulePattern = /^fleet:[0-9a-f]{64}$/;
const { host, path } = route.properties.match.properties;

export const policySchema = Type.Object(
  {
    rules: Type.Record(Type.String({ pattern: namePattern }), ruleModule, {
      default: {},
      maxProperties: 64,
      description: 'entries of waf.rules',
    }),
    routes: Type.Array(Type.Object({ host, path, waf: route.properties.waf }, strict), {
      default: [],
      maxItems: 256,
      description: 'the waf part of each route that matches this host and this path',
    }),
  },
  strict,
);
export type Policy = Static<typeof policySchema>;
export type NamedPolicy = { readonly name: string; readonly policy: Policy };

export type ParsedPolicy =
  /** `json` is the one text of this policy, defaults filled in. */
  | { readonly ok: true; readonly policy: Policy; readonly json: string }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** YAML or JSON. */
export function parsePolicy(text: string): ParsedPolicy {
  const source = parseYamlSource(text);
  if (source.problems.length > 0) return { ok: false, problems: sortProblems(source.problems) };
  const { value, problems } = validate(schemaNode(policySchema), {
    value: source.value,
    positions: source.positions,
    fromEnvironment: new Map(),
    replaced: new Set(),
    sourceOrigin: null,
  });
  if (problems.length > 0) return { ok: false, problems: sortProblems(problems) };
  assert(Check(policySchema, value), 'what passed the loader passes the schema');
  const further = problemsOf(value);
  return further.length > 0
    ? { ok: false, problems: further }
    : { ok: true, policy: value, json: canonicalJson(value) };
}

/** What makes sense on one machine alone. */
function problemsOf({ rules, routes }: Policy): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const say = (at: string, message: string, fix: string) =>
    problems.push({ path: at, message, line: null, column: null, fix });
  if (Object.keys(rules).length + routes.length === 0)
    say('', 'says nothing', 'give it rules, or routes');
  for (const [name, { module, seclang, shadow, watch, databases }] of Object.entries(rules)) {
    for (const [index, file] of (seclang ?? []).entries())
      if (!isAbsolute(file) && file !== installedCrs)
        say(
          `rules.${name}.seclang[${index}]`,
          `${file} is not the same on every machine`,
          'write an absolute path',
        );
    if (module === undefined && seclang === undefined)
      say(`rules.${name}`, 'has neither module nor seclang', 'say module: builtin:NAME');
    else if (
      module !== undefined &&
      !module.startsWith(builtinPrefix) &&
      !fleetModulePattern.test(module)
    )
      say(
        `rules.${name}.module`,
        `${JSON.stringify(module)} is a file of one machine`,
        'write builtin:NAME, or fleet:SHA256 of a module that "weir rollout upload" has sent',
      );
    if (shadow !== undefined && !shadow.startsWith(builtinPrefix))
      say(
        `rules.${name}.shadow`,
        `${JSON.stringify(shadow)} is a file of one machine`,
        'write builtin:NAME, or start it on the node with "weir shadow start"',
      );
    if (watch) say(`rules.${name}.watch`, 'there is no file to watch', 'leave it out');
    for (const [database, file] of Object.entries(databases))
      if (!isAbsolute(file))
        say(
          `rules.${name}.databases.${database}`,
          `${file} is not the same on every machine`,
          'write an absolute path',
        );
  }
  const seen = new Set<string>();
  for (const [index, at] of routes.entries()) {
    if (seen.has(matchText(at)))
      say(`routes[${index}]`, `${matchText(at)} stands there twice`, 'say it once');
    seen.add(matchText(at));
  }
  return problems;
}

/** The SHA-256 of every module it wants brought along. */
export const fleetModulesOf = ({ rules }: Policy): { rule: string; sha256: string }[] =>
  Object.entries(rules).flatMap(([rule, { module }]) =>
    module?.startsWith(fleetModulePrefix) === true
      ? [{ rule, sha256: module.slice(fleetModulePrefix.length) }]
      : [],
  );

export type LaidConfig =
  | { readonly ok: true; readonly loaded: LoadedConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

/** `moduleFile` says where a module that was brought along lies on this machine. */
export function layPolicies(
  base: LoadedConfig,
  policies: readonly NamedPolicy[],
  moduleFile: (rule: string, sha256: string) => string,
): LaidConfig {
  if (policies.length === 0) return { ok: true, loaded: base };
  const config = structuredClone(base.config);
  const problems: string[] = [];
  const saidBy = new Map<string, string>();
  const claim = (what: string, name: string): void => {
    const other = saidBy.get(what);
    if (other !== undefined) problems.push(`policy ${name} and policy ${other} both say ${what}`);
    saidBy.set(what, name);
  };
  for (const { name, policy } of policies) {
    for (const [rule, entry] of Object.entries(policy.rules)) {
      claim(`waf.rules.${rule}`, name);
      const brought = entry.module?.startsWith(fleetModulePrefix) === true ? entry.module : null;
      const sha256 = brought?.slice(fleetModulePrefix.length) ?? '';
      config.waf.rules[rule] =
        brought === null ? entry : { ...entry, module: moduleFile(rule, sha256) };
    }
    for (const at of policy.routes) {
      claim(`the route of ${matchText(at)}`, name);
      const found = config.routes.filter(
        ({ match }) => match.host === at.host && match.path === at.path,
      );
      if (found.length === 0)
        problems.push(
          `policy ${name} is for a route of ${matchText(at)}, and the configuration has none`,
        );
      for (const one of found) one.waf = structuredClone(at.waf);
    }
  }
  if (problems.length > 0) return { ok: false, problems };
  const said = policies.map(({ name, policy }) => [name, canonicalJson(policy)]);
  const sha256 = createHash('sha256')
    .update(base.sha256)
    .update(JSON.stringify(said))
    .digest('hex');
  return { ok: true, loaded: { ...base, config, sha256, base } };
}

const matchText = ({ host: of, path: at }: { host: string; path: string }): string => `${of} ${at}`;
