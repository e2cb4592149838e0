/**
 * The command line: finds the command, parses its arguments, runs it, and turns whatever is thrown into
 * a sentence and an exit code.
 *
 * ```
 * argv → command by its words → arguments → run → exit code
 *          └ unknown: exit 2 with the nearest name
 * ```
 *
 * Nothing here ends the process: output may still be on its way through a pipe.
 */

import { CliError, usageError } from '#cli/cli-error.ts';
import { type CliIo, type CliRoles, type Command, commandName } from '#cli/command.ts';
import { commandGroups, commands } from '#cli/commands.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { helpForAll, helpForCommand, helpForGroup } from '#cli/help.ts';
import { parseArguments } from '#cli/parse-arguments.ts';
import { Printer, printable } from '#cli/printer.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { nearestName } from '#core/nearest-name.ts';
import packageJson from '../../package.json' with { type: 'json' };

export async function runCli(argv: readonly string[], io: CliIo, roles: CliRoles): Promise<number> {
  const print = new Printer(io, argv.includes('--json'));
  const command = findCommand(argv);
  try {
    if (command !== null) {
      const given = parseArguments(command, argv.slice(command.words.length));
      if (!given.flag('help')) return await command.run({ io, roles, print, given });
      print.line(helpForCommand(command, print));
      return exitCodes.ok;
    }
    return runWithoutCommand(argv, print);
  } catch (error) {
    return reportError(error, command, print);
  }
}

/** The one with most words: `orchestrator token add` is not `orchestrator`. */
function findCommand(argv: readonly string[]): Command | null {
  const found = commands
    .filter(({ words }) => words.every((word, index) => argv[index] === word))
    .toSorted((a, b) => b.words.length - a.words.length);
  return found[0] ?? null;
}

/** `weir`, `weir help …`, `weir --version`, the first word of a group, or a slip of the fingers. */
function runWithoutCommand(argv: readonly string[], print: Printer): number {
  const [first, ...rest] = argv;
  if (first === '--version' || first === '-V') {
    print.answer({ version: packageJson.version }, () => packageJson.version);
    return exitCodes.ok;
  }
  const asksHelp = first === undefined || first === 'help' || first === '--help' || first === '-h';
  const words = (first === 'help' ? rest : argv).filter((word) => !word.startsWith('-'));
  if (asksHelp && words.length === 0) {
    print.line(helpForAll(commandGroups, print));
    return exitCodes.ok;
  }
  const named = findCommand(words);
  if (named !== null) {
    if (!asksHelp) throw usageError('options come after the command');
    print.line(helpForCommand(named, print));
    return exitCodes.ok;
  }
  const group = commands.filter(
    (command) => command.words.length > 1 && command.words[0] === words[0],
  );
  if (group.length > 0 && words.length === 1) {
    if (!asksHelp && !argv.includes('--help') && !argv.includes('-h')) {
      throw usageError(
        `"weir ${words[0]}" needs one more word: ${group.map(({ words: [, ...rest] }) => rest.join(' ')).join(', ')}`,
      );
    }
    print.line(helpForGroup(group, print));
    return exitCodes.ok;
  }
  throw unknownCommand(words, first ?? '', group);
}

function unknownCommand(
  words: readonly string[],
  first: string,
  group: readonly Command[],
): CliError {
  if (words.length === 0) return usageError(`there is no option ${first} without a command`);
  if (group.length > 0) {
    const near = nearestName(
      words[1] ?? '',
      group.map((command) => command.words[1] ?? ''),
    );
    return usageError(
      `there is no command "${words[0]} ${words[1]}"${near === null ? '' : `; did you mean "${words[0]} ${near}"?`}`,
    );
  }
  const near =
    nearestName(words.slice(0, 2).join(' '), commands.map(commandName)) ??
    nearestName(words[0] ?? '', [...new Set(commands.map((command) => command.words[0]))]);
  return usageError(
    `there is no command "${words[0]}"${near === null ? '' : `; did you mean "${near}"?`}`,
  );
}

function reportError(error: unknown, command: Command | null, print: Printer): number {
  const told = error instanceof CliError || error instanceof WeirError;
  const code = told ? error.code : 'FAILED';
  const message = told ? error.message : describeError(error);
  const details = told ? error.details : [];
  const exit = error instanceof CliError ? error.exit : exitCodes.failure;
  if (print.json) {
    print.value({ error: { code, message, details } });
    return exit;
  }
  print.errorLine(`weir: ${printable(message)}`);
  // A lone one is the message itself, or says more.
  const isSaid = details.length === 1 && message.endsWith(details[0] ?? '');
  for (const detail of isSaid ? [] : details) print.errorLine(`  ${printable(detail)}`);
  if (exit === exitCodes.usage) {
    print.errorLine(`  see "weir ${command === null ? 'help' : `${commandName(command)} --help`}"`);
  }
  return exit;
}
