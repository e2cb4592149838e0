/**
 * The arguments behind a command's words, checked against what the command takes.
 *
 * `parseArgs` runs without its strict mode and hands out tokens, because an unknown option should be
 * answered with the one that was probably meant, and `--ttl --reason x` with what is missing.
 */
import { parseArgs } from 'node:util';
import { usageError } from '#cli/cli-error.ts';
import { type Command, type CommandOption, commandName, helpOption } from '#cli/command.ts';
import { nearestName } from '#core/nearest-name.ts';

/** More arguments than this are a mistake of a script. */
export const argumentsMax = 1_000;

export class ParsedArguments {
  readonly positionals: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals;
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string | null {
    return this.#values.get(name)?.[0] ?? null;
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** For positionals and options the parser has already required. */
  positional(index: number): string {
    return this.positionals[index] ?? '';
  }
}

/** Options people know by a letter. */
const shorts: Readonly<Record<string, string>> = { help: 'h', follow: 'f' };

export function parseArguments(command: Command, argv: readonly string[]): ParsedArguments {
  if (argv.length > argumentsMax) throw usageError(`more than ${argumentsMax} arguments`);
  const known = new Map([...command.options, helpOption].map((option) => [option.name, option]));
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      [...known.values()].map(({ name, kind }) => [
        name,
        {
          type: kind === 'flag' ? 'boolean' : 'string',
          multiple: true,
          ...(shorts[name] === undefined ? {} : { short: shorts[name] }),
        },
      ]),
    ),
  });

  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = known.get(token.name);
    if (option === undefined) throw unknownOption(command, token.rawName, [...known.keys()]);
    const value = optionValue(option, token.value, token.inlineValue === true);
    const before = values.get(option.name) ?? [];
    if (before.length > 0 && option.kind === 'text')
      throw usageError(`--${option.name} is given twice`);
    values.set(option.name, [...before, value]);
  }
  if (!values.has('help')) checkComplete(command, positionals, values);
  return new ParsedArguments(positionals, values);
}

function optionValue(option: CommandOption, value: string | undefined, inline: boolean): string {
  if (option.kind === 'flag') {
    if (value !== undefined) throw usageError(`--${option.name} takes no value`);
    return '';
  }
  if (value === undefined || value === '' || (!inline && value.startsWith('-'))) {
    throw usageError(`--${option.name} needs a value: --${option.name} ${option.value ?? 'TEXT'}`);
  }
  return value;
}

function unknownOption(command: Command, rawName: string, known: readonly string[]): Error {
  const near = nearestName(rawName.replace(/^-+/, ''), known);
  const hint = near === null ? '' : `; did you mean --${near}?`;
  return usageError(`"weir ${commandName(command)}" has no option ${rawName}${hint}`);
}

function checkComplete(
  command: Command,
  positionals: readonly string[],
  values: ReadonlyMap<string, readonly string[]>,
): void {
  const missing = command.positionals[positionals.length];
  if (missing !== undefined && !missing.startsWith('[')) throw usageError(`${missing} is missing`);
  const extra = positionals[command.positionals.length];
  const isRepeated = command.positionals.at(-1)?.includes('…') === true;
  if (extra !== undefined && !isRepeated) throw usageError(`"${extra}" is one argument too many`);
  for (const { name, value, required } of command.options) {
    if (required === true && !values.has(name))
      throw usageError(`--${name} ${value ?? 'TEXT'} is missing`);
  }
}
