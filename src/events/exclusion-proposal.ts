/**
 * The narrowest exclusions that would have let a request pass: for each place that matched, the rules that matched
 * there, on that path alone.
 *
 * ```
 * match of crs/942100 at ARGS:comment, path /post ─► { path: /post, exact, parameters: [ARGS:comment], rules: [942100] }
 * ```
 *
 * Rules that only add up what others found (their target is a variable of the rule set) are left alone: they say
 * nothing once the others do not. What an exclusion cannot name, or an event does not show, makes it wider, and it
 * says so.
 */
import { WeirError } from '#core/errors.ts';
import type { EcsEvent, EcsMatch } from './ecs-event.ts';

export type ProposedExclusion = {
  readonly ruleSet: string;
  /** Absent: every host. */
  readonly host?: string;
  readonly path: string | null;
  readonly exact: boolean;
  /** None: the rules do not run on the path at all. */
  readonly parameters: readonly string[];
  readonly rules: readonly string[];
};

export type Proposal = {
  readonly exclusions: readonly ProposedExclusion[];
  /** In which way it is wider than the request. */
  readonly wider: readonly string[];
};

export type ProposalTerms = {
  /** NAME/ID or ID: this rule alone; null: all that matched. */
  readonly rule: string | null;
  /** A prefix in place of the request's own path. */
  readonly path: string | null;
  /** For the host of the request alone. */
  readonly host?: boolean;
  /** Names under `waf.rules` with `seclang`. */
  readonly ruleSets: ReadonlySet<string>;
};

/** Throws EXCLUSION_IMPOSSIBLE with what to do instead. */
export function proposeExclusions(ecs: EcsEvent, terms: ProposalTerms): Proposal {
  const wider: string[] = [];
  const { path, exact } = pathOf(ecs, terms.path, wider);
  const host = terms.host === true ? { host: hostOf(ecs) } : {};
  const byPlace = new Map<string, ProposedExclusion & { readonly rules: string[] }>();
  for (const match of chosen(ecs, terms)) {
    const [ruleSet = '', id = ''] = match.rule.split('/');
    const parameter = parameterOf(match.target);
    if (parameter === null)
      wider.push(
        `rule ${match.rule} matched at ${match.target || 'no place of the request'}, which an exclusion cannot name: it is left out on the path as a whole`,
      );
    const key = `${ruleSet} ${parameter ?? ''}`;
    const known = byPlace.get(key);
    if (known === undefined) {
      const parameters = parameter === null ? [] : [parameter];
      byPlace.set(key, { ruleSet, ...host, path, exact, parameters, rules: [id] });
    } else if (!known.rules.includes(id)) known.rules.push(id);
  }
  return { exclusions: [...byPlace.values()], wider: [...new Set(wider)] };
}

function chosen({ event, weir }: EcsEvent, { rule, ruleSets }: ProposalTerms): readonly EcsMatch[] {
  const matches = (weir.matches ?? []).filter((match) => !isLimit(match));
  if (matches.length === 0)
    throw impossible(`event ${event.id} (${event.action}) is not about a rule that matched`, [
      'limits and lists have keys of their own: weir events show says which',
    ]);
  const wanted =
    rule === null
      ? matches.filter(({ target }) => !isSum(target))
      : matches.filter((match) => match.rule === rule || match.rule.endsWith(`/${rule}`));
  if (wanted.length === 0)
    throw impossible(
      rule === null
        ? `event ${event.id} shows no place of the request that matched`
        : `rule ${rule} is not among those that matched in event ${event.id}`,
      [`it has ${[...new Set(matches.map((match) => match.rule))].join(', ')}`],
    );
  const own = wanted.filter((match) => isOfRuleSet(match, ruleSets));
  if (own.length > 0) return own;
  const names = [...new Set(wanted.map((match) => match.rule))].join(', ');
  throw impossible(`${names}: a rule of a module, and exclusions are for rules in SecLang`, [
    `give it a mode on the route instead: waf: { modes: [{ rules: [${names}], mode: monitor }] }, and weir reload`,
  ]);
}

const isOfRuleSet = ({ rule }: EcsMatch, ruleSets: ReadonlySet<string>): boolean => {
  const [name = '', id = ''] = rule.split('/');
  return ruleSets.has(name) && /^[0-9]{1,9}$/.test(id);
};

/** Of a rate, which has keys of its own in the configuration. */
export const isLimit = ({ tags = [] }: EcsMatch): boolean => tags.includes('rate');

/** A variable of the rules, and no part of the request. */
const isSum = (target: string): boolean => /^(?:TX|GLOBAL|IP|SESSION|ENV|DURATION)\b/.test(target);

const collections =
  /^(?:ARGS|ARGS_GET|ARGS_POST|ARGS_NAMES|ARGS_GET_NAMES|ARGS_POST_NAMES|QUERY_STRING|REQUEST_[A-Z_]+|FILES|FILES_NAMES|MULTIPART_PART_HEADERS|MULTIPART_FILENAME|MULTIPART_NAME|XML|PATH_INFO)$/;

/** As `ctl:ruleRemoveTargetById` takes it; null where it cannot be said. */
function parameterOf(target: string): string | null {
  if (target.includes('*') || !/^[A-Z_]+(?::[^\s",;'\\]{1,256})?$/.test(target)) return null;
  return collections.test(target.split(':')[0] ?? '') ? target : null;
}

function pathOf(
  { url }: EcsEvent,
  given: string | null,
  wider: string[],
): { path: string | null; exact: boolean } {
  if (given !== null) {
    if (!isPath(given))
      throw impossible(`"${given}" is no path that an exclusion can name`, [
        'write /shop/ or the like',
      ]);
    return { path: given, exact: false };
  }
  const path = url?.path ?? '';
  if (isPath(path) && !/\*\*\*|…|%\{/.test(path)) return { path, exact: true };
  const prefix = path.slice(0, Math.max(0, path.search(/\*\*\*|…|%\{|[\s"\\]|[^\x21-\x7e]/)));
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (!isPath(folder) || folder === '/')
    throw impossible(`the path ${path} cannot be named in an exclusion`, [
      'say one with --path /that/part/',
    ]);
  wider.push(
    `the path holds a secret, or what an exclusion cannot name: it is for all paths below ${folder}`,
  );
  return { path: folder, exact: false };
}

function hostOf({ url, event }: EcsEvent): string {
  const host = (url?.domain ?? '').toLowerCase().replace(/:[0-9]+$/, '');
  if (/^[a-z0-9_.-]{1,253}$/.test(host)) return host;
  throw impossible(`event ${event.id} has no host that an exclusion can name`, [
    'leave --host out, and it is for every host',
  ]);
}

const isPath = (text: string): boolean =>
  text.length <= 1_024 && /^\/[^\s"\\]*$/.test(text) && !/[^\x21-\x7e]/.test(text);

function impossible(message: string, details: readonly string[]): WeirError {
  return new WeirError('EXCLUSION_IMPOSSIBLE', message, { details });
}
