/**
 * What a configuration says of a SecLang rule set, and the SecLang that follows from it: paranoia, thresholds and
 * setup variables behind the setup file, exclusions before the rules they are about.
 */
import { seclangPaths } from '#config/core-rules.ts';
import type { RuleModule } from '#config/module-schema.ts';
import type { RuleSource } from '#waf/language/load.ts';

export type RuleExclusion = {
  /** The host the request is for, without its port, in lower case; absent: all. */
  readonly host?: string | null;
  /** Prefix of the request's path; null: all. */
  readonly path: string | null;
  /** The path is the whole of it. */
  readonly exact: boolean;
  /** Names of arguments, cookies or header fields: `ARGS:name`, `REQUEST_COOKIES:name`; none: the whole rule. */
  readonly parameters: readonly string[];
  /** Identifiers, `942100` or `942000-942999`. */
  readonly rules: readonly string[];
  readonly tags: readonly string[];
};

export type RuleSetRequest = {
  readonly name: string;
  /** Files and folders, absolute. */
  readonly paths: readonly string[];
  readonly paranoia: number | null;
  readonly inboundThreshold: number | null;
  readonly outboundThreshold: number | null;
  readonly setup: Readonly<Record<string, string | number>>;
  readonly exclusions: readonly RuleExclusion[];
  /** What the files say of SecRuleEngine holds, as the tests of a rule set want it; else the route's mode decides. */
  readonly keepsRuleEngine: boolean;
};

/** Identifiers of Weir's own rules, where no rule set has any; 1 to 99,999 are those of whoever writes rules. */
const firstOwnId = 1_991_000;

/** Before everything else: bodies are looked at, and taken apart by their type. Files may say otherwise. */
const bodyText = `
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application(?:/soap\\+|/)|text/)xml" "id:${firstOwnId},phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/(?:[a-z0-9.-]+\\+)?json" "id:${firstOwnId + 1},phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
`;

/** As ModSecurity's recommended file has them, for folders of rules that come without one. */
const strictText = `
SecRule REQBODY_ERROR "!@eq 0" "id:${firstOwnId + 2},phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body',logdata:'%{REQBODY_ERROR_MSG}',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:${firstOwnId + 3},phase:2,t:none,log,deny,status:400,msg:'Multipart request body failed strict validation',severity:2"
SecRule &ARGS "@ge 1000" "id:${firstOwnId + 4},phase:2,t:none,log,deny,status:400,msg:'Too many arguments',severity:2"
`;

/** Of version 4 and of version 3, which knows the other two by no name. */
const paranoiaVariables = [
  'blocking_paranoia_level',
  'detection_paranoia_level',
  'paranoia_level',
  'executing_paranoia_level',
] as const;

/** Behind the setup file, before the first rule. */
export function setupSources(request: RuleSetRequest): readonly RuleSource[] {
  const variables: [string, string | number][] = [];
  const { paranoia, inboundThreshold, outboundThreshold } = request;
  if (paranoia !== null)
    variables.push(...paranoiaVariables.map((name): [string, number] => [name, paranoia]));
  if (inboundThreshold !== null)
    variables.push(['inbound_anomaly_score_threshold', inboundThreshold]);
  if (outboundThreshold !== null)
    variables.push(['outbound_anomaly_score_threshold', outboundThreshold]);
  variables.push(...Object.entries(request.setup));
  const lines = variables.map(
    ([name, value], index) =>
      `SecAction "id:${firstOwnId + 100 + index},phase:1,pass,nolog,t:none,setvar:'tx.${name}=${quoted(String(value))}'"`,
  );
  for (const [index, exclusion] of request.exclusions.entries())
    if (!isRemoval(exclusion)) lines.push(exclusionText(exclusion, index));
  return lines.length === 0 ? [] : [text('setup of the configuration', lines)];
}

/** Behind everything. */
export function closingSources(request: RuleSetRequest): readonly RuleSource[] {
  const removals = request.exclusions.filter(isRemoval).flatMap(removalLines);
  return [
    ...(removals.length === 0 ? [] : [text('exclusions of the configuration', removals)]),
    ...(request.keepsRuleEngine ? [] : [text('mode of the route', ['SecRuleEngine On'])]),
  ];
}

export const bodySource: RuleSource = text('body defaults', [bodyText]);
export const strictSource: RuleSource = text('strictness defaults', [strictText]);

/** Of an entry of `waf.rules`, with exclusions that stand beside those of the configuration. */
export function requestOfConfig(
  name: string,
  rule: RuleModule,
  further: readonly RuleExclusion[] = [],
): RuleSetRequest {
  return {
    name,
    paths: seclangPaths(rule) ?? [],
    paranoia: rule.paranoia ?? null,
    inboundThreshold: rule.inboundThreshold ?? null,
    outboundThreshold: rule.outboundThreshold ?? null,
    setup: rule.setup,
    exclusions: [
      ...rule.exclusions.map(({ host, path = null, exact, parameters, rules, tags }) => ({
        host: host?.toLowerCase() ?? null,
        path,
        exact,
        parameters,
        rules,
        tags,
      })),
      ...further,
    ],
    keepsRuleEngine: false,
  };
}

/** It holds for all requests: the rules are taken out before they are compiled, so that none has to be one that can. */
const isRemoval = ({ host = null, path, parameters }: RuleExclusion): boolean =>
  host === null && path === null && parameters.length === 0;

const removalLines = ({ rules, tags }: RuleExclusion): readonly string[] => [
  ...rules.map((id) => `SecRuleRemoveById ${id}`),
  ...tags.map((tag) => `SecRuleRemoveByTag "${tag}"`),
];

function exclusionText(exclusion: RuleExclusion, index: number): string {
  const { host = null, path, exact, parameters, rules, tags } = exclusion;
  const targets = parameters.length === 0 ? [''] : parameters.map((target) => `;${target}`);
  const kind = parameters.length === 0 ? 'ruleRemove' : 'ruleRemoveTarget';
  const controls = targets.flatMap((target) => [
    ...rules.map((id) => `ctl:${kind}ById=${id}${target}`),
    ...tags.map((tag) => `ctl:${kind}ByTag=${tag}${target}`),
  ]);
  const head = `id:${firstOwnId + 1_000 + index},phase:1,pass,nolog,t:none`;
  const control = controls.join(',');
  const onPath = `SecRule REQUEST_FILENAME "@${exact ? 'streq' : 'beginsWith'} ${path ?? ''}"`;
  const onHost = `SecRule SERVER_NAME "@streq ${host ?? ''}"`;
  if (host === null)
    return path === null ? `SecAction "${head},${control}"` : `${onPath} "${head},${control}"`;
  // What the first rule of a chain says to do is done where it alone matches: it stands with the last.
  return path === null
    ? `${onHost} "${head},t:lowercase,${control}"`
    : `${onHost} "${head},t:lowercase,chain"\n${onPath} "t:none,${control}"`;
}

/** Inside a quoted value of an action. */
const quoted = (value: string): string => value.replaceAll(/['"\\\r\n]/g, '');

function text(name: string, lines: readonly string[]): RuleSource {
  return { kind: 'text', name, text: `${lines.join('\n')}\n`, folder: '/' };
}
