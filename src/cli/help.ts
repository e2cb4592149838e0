/** Help texts, made from the table of commands. */
import {
  type Command,
  type CommandGroup,
  type CommandOption,
  commandName,
  helpOption,
} from '#cli/command.ts';
import type { Printer } from '#cli/printer.ts';

export function helpForAll(groups: readonly CommandGroup[], print: Printer): string {
  return [
    'Weir: a TLS-terminating reverse proxy and web application firewall with rules in WebAssembly.',
    '',
    `${print.paint('bold', 'Usage')}  weir COMMAND [OPTIONS]`,
    '',
    ...groupLines(groups, print),
    '',
    '"weir COMMAND --help" says more about one of them; --version gives the version.',
    'Exit codes: 0 ok, 1 failure, 2 usage, 3 cannot reach the node, 4 refused.',
  ].join('\n');
}

/** One width of the first column over all groups, so that the eye runs down one edge. */
function groupLines(groups: readonly CommandGroup[], print: Printer): string[] {
  const lines = listOf(
    groups.flatMap(({ commands }) => commands),
    print,
  ).split('\n');
  return groups.flatMap(({ title, commands }, index) => [
    ...(index === 0 ? [] : ['']),
    print.paint('bold', title),
    ...lines.splice(0, commands.length),
  ]);
}

/** For `weir block`, which is only the first word of several commands. */
export function helpForGroup(commands: readonly Command[], print: Printer): string {
  return [`${print.paint('bold', 'Commands')}`, '', listOf(commands, print)].join('\n');
}

export function helpForCommand(command: Command, print: Printer): string {
  const options = [...command.options, helpOption];
  return [
    `${capital(command.summary)}.`,
    '',
    `${print.paint('bold', 'Usage')}  weir ${usageOf(command)}`,
    '',
    print.columns(
      options.map((option) => [{ text: optionUsage(option), style: 'bold' }, option.summary]),
      '  ',
    ),
    ...(command.examples.length === 0
      ? []
      : ['', ...command.examples.map((example) => `  $ ${example}`)]),
  ].join('\n');
}

function listOf(commands: readonly Command[], print: Printer): string {
  return print.columns(
    commands.map((command) => [
      { text: [commandName(command), ...command.positionals].join(' '), style: 'bold' },
      command.summary,
    ]),
    '  ',
  );
}

function usageOf(command: Command): string {
  const options = command.options.map((option) => {
    const usage = optionUsage(option);
    return option.required === true ? usage : `[${usage}]`;
  });
  return [commandName(command), ...command.positionals, ...options].join(' ');
}

function optionUsage(option: CommandOption): string {
  if (option.kind === 'flag') return `--${option.name}`;
  return `--${option.name} ${option.value ?? 'TEXT'}`;
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
