/** An event as a page for people. */
import { formatTime } from '#cli/duration.ts';
import { type Cell, type Printer, printable } from '#cli/printer.ts';
import { thousands } from '#cli/words.ts';
import { leadingMatch } from '#core/leading-match.ts';
import type { EcsEvent, EcsMatch } from '#events/ecs-event.ts';
import { isLimit } from '#events/exclusion-proposal.ts';

const outcomes: Readonly<Record<string, string>> = {
  blocked: 'was blocked',
  challenged: 'was answered with a challenge',
  limited: 'was refused for its rate',
  monitored: 'passed; on a route that enforces its rules it would not have',
  refused: 'was refused by a limit of the edge',
};

export function eventPage(print: Printer, ecs: EcsEvent): string {
  const { event, weir } = ecs;
  const matches = weir.matches ?? [];
  const unlisted = weir.matches_unlisted ?? 0;
  const lines = [
    `${print.paint('bold', printable(event.id))}  ${printable(event.action)}`,
    '',
    print.columns(facts(ecs), '  '),
  ];
  if (matches.length > 0) {
    lines.push('', print.paint('bold', 'What matched'), print.columns(matchRows(matches), '  '));
    if (unlisted > 0) lines.push(`  and ${thousands(unlisted)} more`);
  }
  const mending = mendingLines(ecs);
  if (mending.length > 0)
    lines.push(
      '',
      print.paint('bold', 'If that was no attack'),
      ...mending.map((line) => `  ${line}`),
    );
  return lines.join('\n');
}

function facts(ecs: EcsEvent): Cell[][] {
  const { http, url, source, rule, weir } = ecs;
  const request =
    http === undefined
      ? null
      : `${http.request.method} ${url?.domain ?? ''}${url?.path ?? ''}${url?.query === undefined ? '' : `?${url.query}`}`;
  const rows: readonly (readonly [string, string | null | undefined])[] = [
    ['when', formatTime(ecs['@timestamp'])],
    ['what', request ?? (weir.count === undefined ? null : `${thousands(weir.count)} times`)],
    ['from', source?.ip],
    ['outcome', http === undefined ? null : outcomeOf(ecs)],
    ['why', whyOf(ecs)],
    ['rule', rule === undefined ? null : rule.id],
    ['kind', rule?.category],
    ['route', weir.route],
    ['mode', weir.mode],
    ['score', weir.score === undefined || weir.score === 0 ? null : String(weir.score)],
    ['in rules', weir.waf_us === undefined ? null : `${thousands(weir.waf_us)} µs`],
    ['request', http?.request.id],
  ];
  return rows.flatMap(([name, value]): Cell[][] =>
    value === null || value === undefined ? [] : [[{ text: name, style: 'dim' }, value]],
  );
}

function whyOf(ecs: EcsEvent): string | undefined {
  const leading = leadingMatch(ecs.weir.matches ?? [], ecs.rule?.id ?? '');
  const { reason } = ecs.event;
  return leading === null ? reason : `${leading.message}; ${lowered(reason ?? '')}`;
}

const lowered = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

function outcomeOf({ event, http }: EcsEvent): string {
  const status = http?.response?.status_code;
  const words = outcomes[event.action] ?? event.action;
  return status === undefined ? words : `${words}, answered with ${status}`;
}

function matchRows(matches: readonly EcsMatch[]): Cell[][] {
  const givesPoints = matches.some(({ points }) => points !== undefined);
  const titles = ['RULE', givesPoints ? 'POINTS' : '', 'WHERE', 'WHAT', 'MODE', 'MESSAGE'];
  return [
    titles.map((text): Cell => ({ text, style: 'dim' })),
    ...matches.map(({ rule, points, target, matched, mode, message }) => [
      rule,
      points === undefined ? '' : String(points),
      target,
      matched ?? '(not shown)',
      mode,
      message,
    ]),
  ];
}

/** Only where rules said something: a limit is no false positive. */
function mendingLines({ event, weir }: EcsEvent): string[] {
  const rules = (weir.matches ?? []).filter((match) => !isLimit(match));
  if (rules.length === 0) return [];
  // Exclusions are for rules in SecLang, which have numbers; a rule of a module is given a mode.
  const names = rules.map(({ rule }) => rule);
  if (!names.some((name) => /\/\d+$/.test(name)))
    return [
      `on the route    waf: { modes: [{ rules: [${printable(names.join(', '))}], mode: monitor }] }`,
      'then            weir reload',
    ];
  return [
    `weir exclude ${event.id}                      what could be left out, and whether that mends it`,
    `weir exclude ${event.id} --reason TEXT --yes  makes it live`,
  ];
}
