/** `weir fleet publish` — hands the signed list of members to an orchestrator, and waits until the members have it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Static } from 'typebox';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, orchestratorOptions } from '#cli/command.ts';
import { parseDuration } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { callOrchestrator } from '#cli/orchestrator-client.ts';
import { readSignedTrust } from '#fleet/fleet-folder.ts';
import { rosterAnswer } from '#orchestrator/roster-schema.ts';

const waitSecondsMax = 60;
const askMs = 200;

export const fleetPublish: Command = {
  words: ['fleet', 'publish'],
  summary: 'tell the members of a fleet who its members are, through an orchestrator',
  positionals: [],
  options: [
    {
      name: 'dir',
      kind: 'text',
      value: 'DIR',
      summary: 'the folder of the fleet, as "weir fleet init" made it',
      required: true,
    },
    {
      name: 'wait',
      kind: 'text',
      value: 'TIME',
      summary: `how long members have to say that they believe it (5s, at most ${waitSecondsMax}s)`,
    },
    jsonOption,
    ...orchestratorOptions,
  ],
  examples: ['weir fleet publish --dir fleet'],
  async run(context) {
    const { given, print } = context;
    const wait = parseDuration(given.text('wait') ?? '5s', waitSecondsMax);
    if (!wait.ok) throw usageError(wait.problem);
    const trust = readSignedTrust(given.text('dir') ?? '');
    const path = '/api/v1/roster';
    let answer = await callOrchestrator(context, {
      ...{ method: 'POST', path, answer: rosterAnswer, json: { trust } },
    });
    const untilMs = performance.now() + wait.seconds * 1_000;
    while (behind(answer).length > 0 && performance.now() < untilMs) {
      await sleep(askMs);
      answer = await callOrchestrator(context, { method: 'GET', path, answer: rosterAnswer });
    }
    const late = behind(answer);
    print.answer({ ...answer, behind: late }, () => {
      const has = answer.members.length - late.length;
      const rest =
        late.length === 0
          ? ''
          : `; not yet: ${late.join(', ')}, which learn it when they are there`;
      return `version ${answer.version} is believed by ${has} of ${answer.members.length} members${rest}`;
    });
    return exitCodes.ok;
  },
};

const behind = ({ version, members }: Static<typeof rosterAnswer>): string[] =>
  members.filter(({ believes }) => (believes ?? 0) < (version ?? 0)).map(({ id }) => id);
