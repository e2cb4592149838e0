/**
 * `weir replay` — a recording through the live rules and through a candidate, and what differs. The node does it, in a
 * thread beside what it serves; this asks how far it is until it is done.
 */

import { resolve } from 'node:path';
import type { Static } from 'typebox';
import { examplesMax, recordRequestsMax, replayAnswer } from '#admin/replay-schema.ts';
import { readCandidate, readRuleFiles } from '#cli/candidate-files.ts';
import { CliError, usageError } from '#cli/cli-error.ts';
import { type Command, type CommandContext, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { differencePage } from '#cli/difference-page.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { numberOption } from '#cli/number-option.ts';
import { counted, thousands } from '#cli/words.ts';

const askMs = 200;

type Answer = Static<typeof replayAnswer>;

export const replay: Command = {
  words: ['replay'],
  summary: 'try rules on recorded traffic: what they would do otherwise',
  positionals: ['RECORDING'],
  options: [
    {
      name: 'rules',
      kind: 'texts',
      value: 'NAME=FILE',
      summary: 'this module, or these SecLang files, in the place of that rule set; more than once',
    },
    {
      name: 'config',
      kind: 'text',
      value: 'FILE',
      summary: 'another configuration; without this and --rules the node’s own file as it is now',
    },
    { name: 'limit', kind: 'text', value: 'N', summary: 'requests to show of each kind (else 20)' },
    { name: 'requests-max', kind: 'text', value: 'N', summary: 'end after so many requests' },
    {
      name: 'max-new-blocks',
      kind: 'text',
      value: 'N',
      summary: 'exit 1 where more requests than that are newly blocked',
    },
    jsonOption,
    stateOption,
  ],
  examples: [
    'weir replay last --rules core=build/core.wasm --max-new-blocks 0',
    'weir replay last --config weir.next.yaml --json',
  ],
  async run(context) {
    const { given, print, io } = context;
    const config = given.text('config');
    const files = readRuleFiles(given.texts('rules'));
    if (config !== null && files.size > 0) throw usageError('give --rules or --config, not both');
    const examples = numberOption(given, 'limit', { min: 0, max: examplesMax, whole: true });
    const bounds = { min: 1, max: recordRequestsMax, whole: true };
    const requestsMax = numberOption(given, 'requests-max', bounds);
    const newBlocksMax = numberOption(given, 'max-new-blocks', { ...bounds, min: 0 });
    const rules = [];
    for (const [name, of] of files) rules.push({ name, ...(await readCandidate(of, io.cwd)) });
    const answer = await follow(context, {
      recording: given.positional(0),
      ...(rules.length === 0 ? {} : { rules }),
      ...(config === null ? {} : { config: resolve(io.cwd, config) }),
      ...(examples === null ? {} : { examples }),
      ...(requestsMax === null ? {} : { requestsMax }),
    });
    const { difference, problem } = answer;
    if (difference === null)
      throw new CliError(
        exitCodes.failure,
        'REPLAY_FAILED',
        problem ?? 'the replay failed',
        answer.details,
      );
    print.answer(answer, () => {
      const note = problem === null ? '' : `\n\nthe recording ${problem}`;
      return `recording ${answer.recording}\n${differencePage(difference, print)}${note}`;
    });
    if (newBlocksMax === null || difference.newlyBlocked <= newBlocksMax) return exitCodes.ok;
    print.errorLine(
      `${counted(difference.newlyBlocked, 'request')} newly blocked, and ${thousands(newBlocksMax)} allowed`,
    );
    return exitCodes.failure;
  },
};

async function follow(context: CommandContext, body: object): Promise<Answer> {
  const { io, print } = context;
  const showsProgress = io.stderr.isTTY === true && !print.json;
  let answer = await callDaemon(context, {
    method: 'POST',
    path: '/api/v1/replays',
    answer: replayAnswer,
    json: body,
    timeoutMs: slowCallTimeoutMs,
  });
  while (answer.state === 'running') {
    if (showsProgress)
      io.stderr.write(`\r${answer.sharePercent} %, ${counted(answer.requests, 'request')} `);
    await new Promise((ready) => setTimeout(ready, askMs));
    answer = await callDaemon(context, {
      method: 'GET',
      path: `/api/v1/replays/${answer.id}`,
      answer: replayAnswer,
    });
  }
  if (showsProgress) io.stderr.write('\r\u001b[K');
  return answer;
}
