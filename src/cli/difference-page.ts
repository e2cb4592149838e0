/** What a candidate would do otherwise, for people. */
import type { Printer } from '#cli/printer.ts';
import { counted, thousands } from '#cli/words.ts';
import type { Change, Cost, Difference } from '#replay/difference.ts';

const titles: readonly (readonly [Change, string])[] = [
  ['newly-blocked', 'newly blocked'],
  ['newly-passed', 'newly passed'],
  ['newly-noted', 'newly noted'],
  ['no-longer-noted', 'no longer noted'],
  ['changed-rules', 'same verdict, other rules'],
];
const shownCharacters = 120;

export function differencePage(difference: Difference, print: Printer): string {
  const { requests, unreadable, stopped, cost, failures, answers } = difference;
  const counts = new Map<Change, number>([
    ['newly-blocked', difference.newlyBlocked],
    ['newly-passed', difference.newlyPassed],
    ['newly-noted', difference.newlyNoted],
    ['no-longer-noted', difference.noLongerNoted],
    ['changed-rules', difference.changedRules],
  ]);
  const rows = [
    ['requests', thousands(requests)],
    ['blocked', `live ${thousands(stopped.live)}, candidate ${thousands(stopped.candidate)}`],
    ...titles.map(([change, title]) => [title, thousands(counts.get(change) ?? 0)]),
    ['cost a request', `live ${costText(cost.live)}, candidate ${costText(cost.candidate)}`],
    ...(unreadable === 0 ? [] : [['not compared', `${thousands(unreadable)}: beyond the limits`]]),
    ...(answers.candidate + answers.live === 0
      ? []
      : [['bodies of answers', answersText(answers)]]),
    ...(failures.candidate + failures.live === 0
      ? []
      : [
          [
            'failures',
            `live ${failures.live}, candidate ${failures.candidate}; last: ${failures.last}`,
          ],
        ]),
  ];
  const parts = [print.columns(rows)];
  for (const [change, title] of titles) {
    const examples = difference.examples.filter((example) => example.change === change);
    if (examples.length === 0) continue;
    const count = counts.get(change) ?? 0;
    const more = examples.length < count ? ` (${examples.length} of ${thousands(count)})` : '';
    parts.push('', print.paint('bold', `${title}${more}`));
    parts.push(
      print.columns(
        examples.map(({ request, live, candidate }) => {
          const by = candidate.verdict === 'passed' ? live : candidate;
          const at = by.target === '' ? '' : ` at ${by.target}`;
          return [
            request.method,
            cut(`${request.host}${request.target}`),
            request.route,
            by.rule === '' ? cut(by.rules.join(' ')) : `${by.rule}${at}`,
            cut(by.reason),
          ];
        }),
        '  ',
      ),
    );
  }
  return parts.join('\n');
}

function answersText({ live, candidate, shown, cut, missing }: Difference['answers']): string {
  const rules = `rules on them: live ${thousands(live)}, candidate ${thousands(candidate)}`;
  const looked = shown === 0 ? [] : [`${thousands(shown)} looked at`];
  const part = cut === 0 ? [] : [`of ${thousands(cut)} the beginning alone`];
  const not = missing === 0 ? [] : [`${thousands(missing)} not there, so not tried`];
  return [rules, ...looked, ...part, ...not].join('; ');
}

/** For one line. */
export const differenceWords = ({ requests, newlyBlocked, newlyPassed }: Difference): string =>
  `${counted(requests, 'request')}, ${thousands(newlyBlocked)} newly blocked, ${thousands(newlyPassed)} newly passed`;

const costText = (cost: Cost | null): string =>
  cost === null
    ? 'nothing ran'
    : `${cost.meanMicroseconds} µs (p99 ${cost.p99Microseconds}), fuel ${thousands(cost.meanFuel)}`;

const cut = (text: string): string =>
  text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
