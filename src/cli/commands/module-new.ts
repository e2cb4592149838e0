/** `weir module new` — a folder with a rule that builds, its cases, and what editors need. */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { failureError, usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { namePattern } from '#config/schema-parts.ts';

export const moduleNew: Command = {
  words: ['module', 'new'],
  summary: 'make a folder for a new rule module, with cases',
  positionals: ['NAME'],
  options: [
    {
      name: 'dir',
      kind: 'text',
      value: 'DIR',
      summary: 'where the folder NAME goes; else here',
    },
    jsonOption,
  ],
  examples: ['weir module new my-rule', 'weir module new my-rule --dir rules'],
  async run({ given, print, io }) {
    const name = given.positional(0);
    if (!new RegExp(namePattern).test(name))
      throw usageError(
        `"${name}" is no name for a module`,
        'a-z, 0-9, "-" and "_", at most 63, a letter or digit first',
      );
    const shown = join(given.text('dir') ?? '.', name);
    const directory = resolve(io.cwd, shown);
    const before = await readdir(directory).catch(() => []);
    if (before.length > 0) throw failureError(`${shown} holds files already`, ['name another']);
    const { createModuleFolder } = await import('#toolchain/module-folder.ts');
    const files = await createModuleFolder(name, directory);
    print.answer({ name, directory: shown, files }, () =>
      [
        `${shown} is a rule that builds:`,
        print.columns(
          files.map((file) => [{ text: file, style: 'bold' }, fileSummaries[file] ?? '']),
          '  ',
        ),
        `weir module test ${shown}`,
      ].join('\n'),
    );
    return exitCodes.ok;
  },
};

const fileSummaries: Readonly<Record<string, string>> = {
  'index.ts': 'the rule, in AssemblyScript',
  'cases.json': 'requests, and what it has to make of them',
  'README.md': 'what it is for, and what its configuration says',
};
