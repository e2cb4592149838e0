/**
 * An event in the field names of the Elastic Common Schema, which is what collectors know: one object, one JSON line.
 * What was not measured, or is not there, is absent. `weir.*` is what the schema has no name for.
 */
import type { SecurityEvent } from './security-event.ts';

const ecsVersion = '8.17.0';

export type EcsEvent = {
  readonly '@timestamp': string;
  readonly ecs: { readonly version: string };
  readonly event: {
    readonly kind: 'alert' | 'event';
    readonly category: readonly string[];
    readonly type: readonly string[];
    readonly action: string;
    readonly outcome: 'success' | 'unknown';
    readonly id: string;
    readonly dataset: 'weir.events';
    readonly reason?: string;
  };
  readonly http?: {
    readonly request: { readonly id: string; readonly method: string };
    readonly response?: { readonly status_code: number };
  };
  readonly url?: { readonly domain?: string; readonly path: string; readonly query?: string };
  readonly source?: { readonly ip: string };
  readonly rule?: { readonly id: string; readonly name?: string; readonly category?: string };
  readonly weir: {
    readonly route?: string;
    readonly mode?: string;
    readonly score?: number;
    readonly waf_us?: number;
    readonly count?: number;
    readonly matches?: readonly EcsMatch[];
    readonly matches_unlisted?: number;
  };
};

export type EcsMatch = {
  readonly rule: string;
  readonly message: string;
  readonly severity?: number;
  readonly tags?: readonly string[];
  readonly target: string;
  readonly matched?: string;
  readonly points?: number;
  readonly mode: string;
};

export function ecsEvent(event: SecurityEvent): EcsEvent {
  const { kind, requestId, client, method, status, host, path, query, rule, count } = event;
  const isEnforced = kind !== 'monitored';
  return {
    '@timestamp': new Date(event.atMs).toISOString(),
    ecs: { version: ecsVersion },
    event: {
      kind: event.matches.length > 0 ? 'alert' : 'event',
      category: event.matches.length > 0 ? ['web', 'intrusion_detection'] : ['web'],
      type: [isEnforced ? 'denied' : 'allowed'],
      action: kind,
      // Of the node's own doing: it did what it says. What is only watched changed nothing.
      outcome: isEnforced ? 'success' : 'unknown',
      id: event.id,
      dataset: 'weir.events',
      ...(event.reason === '' ? {} : { reason: event.reason }),
    },
    ...(requestId === ''
      ? {}
      : {
          http: {
            request: { id: requestId, method },
            ...(status === 0 ? {} : { response: { status_code: status } }),
          },
          url: {
            ...(host === '' ? {} : { domain: host }),
            path,
            ...(query === null ? {} : { query }),
          },
        }),
    ...(client === '' ? {} : { source: { ip: client } }),
    ...(rule === '' ? {} : { rule: ruleOf(event) }),
    weir: {
      ...(event.route === '' ? {} : { route: event.route }),
      ...(event.mode === '' ? {} : { mode: event.mode }),
      ...(event.score === null ? {} : { score: event.score }),
      ...(event.wafMicros === null ? {} : { waf_us: event.wafMicros }),
      ...(count === 1 ? {} : { count }),
      ...(event.matches.length === 0 ? {} : { matches: event.matches.map(ecsMatch) }),
      ...(event.matchesUnlisted === 0 ? {} : { matches_unlisted: event.matchesUnlisted }),
    },
  };
}

/** The rule that decided, by its own match where there is one. */
function ruleOf({ rule, reason, matches }: SecurityEvent): NonNullable<EcsEvent['rule']> {
  const own = matches.find((match) => match.rule === rule);
  const tagged = own?.tags.length ? own : matches.find(({ tags }) => tags.some(isAttack));
  const tag = tagged?.tags.find(isAttack);
  const name = own?.message || reason;
  const category =
    tag?.slice('attack-'.length) ?? (rule.includes('/') ? rule.slice(0, rule.indexOf('/')) : null);
  return {
    id: rule,
    ...(name === '' ? {} : { name }),
    ...(category === null ? {} : { category }),
  };
}

const isAttack = (tag: string): boolean => tag.startsWith('attack-');

function ecsMatch({
  rule,
  message,
  severity,
  tags,
  target,
  matched,
  points,
  mode,
}: SecurityEvent['matches'][number]): EcsMatch {
  return {
    rule,
    message,
    ...(severity === null ? {} : { severity }),
    ...(tags.length === 0 ? {} : { tags }),
    target,
    ...(matched === null ? {} : { matched }),
    ...(points === null ? {} : { points }),
    mode,
  };
}
