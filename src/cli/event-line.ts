/** An event on one line, for people. */
import { formatTime } from '#cli/duration.ts';
import { type Printer, printable, type Style } from '#cli/printer.ts';
import { leadingMatch } from '#core/leading-match.ts';
import type { EcsEvent } from '#events/ecs-event.ts';

const pathShown = 60;

const styles: Readonly<Record<string, Style>> = {
  blocked: 'red',
  challenged: 'yellow',
  limited: 'yellow',
  monitored: 'green',
};

export function eventLine(print: Printer, ecs: EcsEvent): string {
  const { event, http, url, source, rule, weir } = ecs;
  const style = styles[event.action];
  const action = event.action.padEnd(10);
  const count = weir.count === undefined ? '' : `${weir.count} times`;
  const what =
    http === undefined
      ? count
      : `${http.request.method} ${url?.domain ?? ''}${shortened(url?.path ?? '')}`;
  const leading = leadingMatch(ecs.weir.matches ?? [], ecs.rule?.id ?? '');
  const why =
    leading !== null
      ? `${leading.rule}  ${leading.message} (${leading.target})`
      : rule === undefined
        ? (event.reason ?? '')
        : `${rule.id}  ${rule.name ?? ''}`;
  const parts = [
    formatTime(ecs['@timestamp']),
    print.paint('dim', event.id),
    style === undefined ? action : print.paint(style, action),
    ...[source?.ip ?? '', what, why].filter((part) => part !== '').map(printable),
  ];
  return parts.join('  ').trimEnd();
}

const shortened = (path: string): string =>
  path.length <= pathShown ? path : `${path.slice(0, pathShown)}…`;
