/** `weir block import` — a file of addresses and ranges is blocked, all of it or nothing. */
import { blockImportAnswer, blockImportMax, ttlSecondsMax } from '#admin/schema.ts';
import { blockOptions, blockTerms } from '#cli/block-target.ts';
import { CliError, usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { readBounded, readStdin } from '#cli/read-bounded.ts';
import { counted, listText, thousands } from '#cli/words.ts';
import { parseCidr } from '#core/ip.ts';

/** 46 characters for the longest address, and room for comments. */
const fileBytesMax = 128 * 1024 * 1024;
/** A million entries take the node some ten seconds. */
const importTimeoutMs = 300_000;
const badNamedMax = 20;

export const blockImport: Command = {
  words: ['block', 'import'],
  summary: 'block what a file lists',
  positionals: ['FILE|-'],
  options: [...blockOptions('them'), jsonOption, stateOption],
  examples: [
    'weir block import drop.txt --reason "known scanners"',
    'curl -s https://lists.example/drop.txt | weir block import - --ttl 1d',
  ],
  async run(context) {
    const file = context.given.positional(0);
    const terms = blockTerms(context.given, ttlSecondsMax);
    const targets = await readTargets(file);
    context.io.stderr.write(`importing ${counted(targets.length, 'target')} …\n`);
    const answer = await callDaemon(context, {
      method: 'POST',
      path: '/api/v1/blocks/import',
      answer: blockImportAnswer,
      json: { targets, ...terms },
      timeoutMs: importTimeoutMs,
    });
    context.print.answer(answer, () => {
      const until =
        answer.expiresAt === null
          ? 'until they are removed'
          : `until ${formatTime(answer.expiresAt)}`;
      const what = answer.action === 'monitor' ? 'monitored' : 'blocked';
      const known =
        answer.renewed === 0 ? '' : `, ${thousands(answer.renewed)} of them listed before`;
      return `${thousands(answer.added + answer.renewed)} are ${what} ${until}${known} (${listText(answer)})`;
    });
    return exitCodes.ok;
  },
};

/** One a line; `#` begins a comment, and blank lines are none. */
export async function readTargets(file: string): Promise<string[]> {
  const bytes =
    file === '-'
      ? await readStdin(fileBytesMax, 'a list')
      : await readBounded(file, fileBytesMax, 'a list');
  const targets: string[] = [];
  const bad: string[] = [];
  let badCount = 0;
  for (const [index, line] of new TextDecoder().decode(bytes).split('\n').entries()) {
    const target = line.replace(/[#;].*$/, '').trim();
    if (target === '') continue;
    if (parseCidr(target) !== null) targets.push(target);
    else if (badCount++ < badNamedMax)
      bad.push(`line ${index + 1}: "${target.slice(0, 60)}" is no address and no CIDR range`);
  }
  if (badCount > badNamedMax) bad.push(`and ${badCount - badNamedMax} more`);
  const from = file === '-' ? 'the input' : file;
  if (badCount > 0)
    throw new CliError(
      exitCodes.failure,
      'BLOCK_TARGET_INVALID',
      `${from} has ${counted(badCount, 'bad line')}, so nothing was imported`,
      bad,
    );
  if (targets.length === 0) throw usageError(`${from} lists nothing`);
  if (targets.length > blockImportMax)
    throw usageError(
      `${from} has ${targets.length} entries, and one import has at most ${blockImportMax}`,
    );
  return targets;
}
