/** `weir shadow` — a candidate beside the live rules, on what is served now, without a say in it. */
import type { ShadowAnswer } from '#admin/replay-control.ts';
import { shadowAnswer, shadowsAnswer } from '#admin/replay-schema.ts';
import { readCandidate } from '#cli/candidate-files.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { differencePage, differenceWords } from '#cli/difference-page.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { numberOption } from '#cli/number-option.ts';
import type { Printer } from '#cli/printer.ts';
import { shortHash } from '#cli/words.ts';

const pathOf = (name: string): string => `/api/v1/shadows/${encodeURIComponent(name)}`;

export const shadowStart: Command = {
  words: ['shadow', 'start'],
  summary: 'run a candidate beside a rule module, without a say',
  positionals: ['NAME', 'FILE'],
  options: [
    { name: 'share', kind: 'text', value: 'PERCENT', summary: 'of the requests (else 100)' },
    jsonOption,
    stateOption,
  ],
  examples: ['weir shadow start core build/core.wasm --share 10', 'weir shadow start crs rules/'],
  async run(context) {
    const { given, io } = context;
    const sharePercent = numberOption(given, 'share', { min: 0.01, max: 100, whole: false });
    const answer = await callDaemon(context, {
      method: 'POST',
      path: pathOf(given.positional(0)),
      answer: shadowAnswer,
      json: {
        ...(await readCandidate([given.positional(1)], io.cwd)),
        ...(sharePercent === null ? {} : { sharePercent }),
      },
      // Rules in SecLang are compiled first.
      timeoutMs: slowCallTimeoutMs * 5,
    });
    context.print.answer(
      answer,
      () =>
        `${shortHash(answer.sha256)} runs beside ${answer.name} on ${answer.sharePercent} % of the requests; see "weir shadow status"`,
    );
    return exitCodes.ok;
  },
};

export const shadowStatus: Command = {
  words: ['shadow', 'status'],
  summary: 'what the candidates would have done otherwise',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir shadow status'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/shadows',
      answer: shadowsAnswer,
    });
    context.print.answer(answer, () =>
      answer.shadows.length === 0
        ? 'no candidate runs'
        : answer.shadows.map((shadow) => page(shadow, context.print)).join('\n\n'),
    );
    return exitCodes.ok;
  },
};

export const shadowStop: Command = {
  words: ['shadow', 'stop'],
  summary: 'end a candidate, with what it has found',
  positionals: ['NAME'],
  options: [jsonOption, stateOption],
  examples: ['weir shadow stop core'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'DELETE',
      path: pathOf(context.given.positional(0)),
      answer: shadowAnswer,
    });
    context.print.answer(
      answer,
      () => `the candidate beside ${answer.name} has ended: ${differenceWords(answer.difference)}`,
    );
    return exitCodes.ok;
  },
};

function page(shadow: ShadowAnswer, print: Printer): string {
  const { name, sha256, sharePercent, startedAt, off, difference } = shadow;
  const head = `${print.paint('bold', name)}  ${shortHash(sha256)}, ${sharePercent} % of the requests, since ${formatTime(startedAt)}`;
  const trouble = off === null ? [] : [print.paint('red', `off: ${off}`)];
  return [head, ...trouble, differencePage(difference, print)].join('\n');
}
