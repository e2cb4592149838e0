/** `weir exclude` — the narrowest exclusion that would have let a request pass: proposed, tried and, with --yes, live. */
import { exclusionAnswer } from '#admin/exclusion-schema.ts';
import { ttlSecondsMax } from '#admin/schema.ts';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { parseDuration } from '#cli/duration.ts';
import { exclusionPage } from '#cli/exclusion-page.ts';
import { exitCodes } from '#cli/exit-codes.ts';

/** Two rule sets may have to be compiled, and one made live. */
const excludeTimeoutMs = 600_000;

export const exclude: Command = {
  words: ['exclude'],
  summary: 'take what an event was about out of what rules look at, as narrowly as can be',
  positionals: ['EVENT'],
  options: [
    { name: 'rule', kind: 'text', value: 'RULE', summary: 'of those that matched, this one alone' },
    {
      name: 'path',
      kind: 'text',
      value: 'PREFIX',
      summary: 'for all paths that begin so, in place of the path of the request',
    },
    { name: 'host', kind: 'flag', summary: 'for the host of the request alone, and no other' },
    { name: 'reason', kind: 'text', value: 'TEXT', summary: 'why, for who looks at it later' },
    {
      name: 'owner',
      kind: 'text',
      value: 'NAME',
      summary: 'whose it is; your user name unless given',
    },
    {
      name: 'expires',
      kind: 'text',
      value: 'SPAN',
      summary: 'after 30d, 12h and so on; no end unless given',
    },
    { name: 'dry-run', kind: 'flag', summary: 'show what would be done, as without --yes' },
    { name: 'yes', kind: 'flag', summary: 'make it live' },
    jsonOption,
    stateOption,
  ],
  examples: [
    'weir exclude last',
    'weir exclude mgj6k3cwehrzqp --reason "comments hold SQL" --expires 30d --yes',
  ],
  async run(context) {
    const { given, print, io } = context;
    const expires = given.text('expires');
    const span = expires === null ? null : parseDuration(expires, ttlSecondsMax);
    if (span !== null && !span.ok) throw usageError(span.problem, 'for example --expires 30d');
    if (given.flag('yes') && given.flag('dry-run'))
      throw usageError('--yes makes it live and --dry-run does not', 'say one of them');
    const answer = await callDaemon(context, {
      method: 'POST',
      path: '/api/v1/exclusions',
      answer: exclusionAnswer,
      json: {
        event: given.positional(0),
        rule: given.text('rule'),
        path: given.text('path'),
        host: given.flag('host'),
        reason: given.text('reason') ?? '',
        owner: given.text('owner') ?? io.env['SUDO_USER'] ?? io.env['USER'] ?? '',
        ttlSeconds: span === null ? null : span.seconds,
        dryRun: !given.flag('yes'),
      },
      timeoutMs: excludeTimeoutMs,
    });
    print.answer(answer, () => exclusionPage(print, answer));
    return exitCodes.ok;
  },
};
