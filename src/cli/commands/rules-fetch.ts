/** `weir rules fetch` — a named release of the Core Rule Set, held against its digest. */
import { resolve } from 'node:path';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { counted } from '#cli/words.ts';

export const rulesFetch: Command = {
  words: ['rules', 'fetch'],
  summary: 'download a release of the Core Rule Set and check its digest',
  positionals: ['VERSION'],
  options: [
    {
      name: 'to',
      kind: 'text',
      value: 'DIR',
      summary: 'where it goes; an empty folder, or none yet',
      required: true,
    },
    {
      name: 'sha256',
      kind: 'text',
      value: 'DIGEST',
      summary: 'digest of the archive; without it, it is printed and nothing is written',
    },
    {
      name: 'from',
      kind: 'text',
      value: 'FILE|URL',
      summary: 'the archive, where it is not on GitHub',
    },
    jsonOption,
  ],
  examples: ['weir rules fetch 4.28.0 --to crs --sha256 DIGEST'],
  async run({ io, print, given }) {
    const version = given.positional(0);
    if (!/^v?[0-9]+\.[0-9]+\.[0-9]+$/.test(version)) {
      throw usageError(`"${version}" names no release`, 'write a version such as 4.28.0');
    }
    const sha256 = given.text('sha256');
    if (sha256 !== null && !/^[0-9a-fA-F]{64}$/.test(sha256)) {
      throw usageError('--sha256 DIGEST is 64 hexadecimal digits');
    }
    const { fetchRelease, releaseUrl } = await import('#toolchain/rule-release.ts');
    const { checkRules } = await import('#toolchain/rule-check.ts');
    const named = given.text('from');
    const from =
      named === null
        ? releaseUrl(version)
        : /^https?:/.test(named)
          ? named
          : resolve(io.cwd, named);
    const to = given.text('to') ?? '';
    const folder = resolve(io.cwd, to);
    const { files, sha256: digest } = await fetchRelease(from, sha256, folder);
    const { fates, problems } = checkRules([folder], true);
    print.answer(
      { folder, files, sha256: digest, rules: fates.length, problems: problems.length },
      () =>
        `${to}: ${counted(files, 'file')}, ${counted(fates.length, 'rule')}, ${counted(problems.length, 'problem')}${
          problems.length === 0 ? '' : ` (weir rules check ${to})`
        }`,
    );
    return problems.length === 0 ? exitCodes.ok : exitCodes.failure;
  },
};
