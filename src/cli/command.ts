/**
 * What a sub-command is: the words that call it, what it takes, and what it does. Parsing, help and
 * suggestions are all made from these values, so they cannot disagree with each other.
 */
import type { ParsedArguments } from '#cli/parse-arguments.ts';
import type { Printer } from '#cli/printer.ts';

export type CliStream = {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** Keys as they are pressed, for what is shown live. */
export type CliInput = {
  setRawMode?(isRaw: boolean): unknown;
  on(event: 'data', listener: (data: Buffer | string) => void): unknown;
  off(event: 'data', listener: (data: Buffer | string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
};

/** The world as the command line sees it; a test hands in its own. */
export type CliIo = {
  readonly stdout: CliStream;
  readonly stderr: CliStream;
  readonly stdin?: CliInput;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the search for a state directory begins. */
  readonly cwd: string;
};

export type DemoOptions = {
  /** host:port of the TLS listener, or null for the usual one. */
  readonly listen: string | null;
  /** State directory, or null for the usual one. */
  readonly state: string | null;
};

export type FleetDemoOptions = {
  readonly io: CliIo;
  readonly print: Printer;
  /** Where its files stay, or null for a folder that goes with it. */
  readonly dir: string | null;
  readonly everySeconds: number;
  /** Null: until it is told to end. */
  readonly rounds: number | null;
};

/** The long-running roles, supplied by `main.ts`: knowledge points from roles to here, not back. */
export type CliRoles = {
  edge(options: { readonly configFile: string }): Promise<number>;
  demo(options: DemoOptions): Promise<number>;
  orchestrator(options: { readonly configFile: string }): Promise<number>;
  fleetDemo(options: FleetDemoOptions): Promise<number>;
  /** YAML of the configuration the demo runs, for `weir config show` without a file. */
  readonly embeddedConfig?: string;
};

export type CommandContext = {
  readonly io: CliIo;
  readonly roles: CliRoles;
  readonly print: Printer;
  readonly given: ParsedArguments;
};

export type CommandOption = {
  /** Without the dashes. */
  readonly name: string;
  /** `flag` stands alone; `text` takes a value; `texts` may be given more than once. */
  readonly kind: 'flag' | 'text' | 'texts';
  /** What the value is called in help, for example `FILE`. */
  readonly value?: string;
  readonly summary: string;
  readonly required?: true;
};

export type Command = {
  readonly words: readonly [string] | readonly [string, string] | readonly [string, string, string];
  readonly summary: string;
  /** Names of what stands without dashes; all are required but one in `[]`; a last one with `…` may be repeated. */
  readonly positionals: readonly string[];
  readonly options: readonly CommandOption[];
  readonly examples: readonly string[];
  run(context: CommandContext): Promise<number>;
};

/** What stands together in help. */
export type CommandGroup = { readonly title: string; readonly commands: readonly Command[] };

export const helpOption: CommandOption = { name: 'help', kind: 'flag', summary: 'show this text' };
export const jsonOption: CommandOption = {
  name: 'json',
  kind: 'flag',
  summary: 'answer as JSON, for programs',
};
export const stateOption: CommandOption = {
  name: 'state',
  kind: 'text',
  value: 'DIR',
  summary: 'state directory of the node (WEIR_STATE; else the nearest .weir above here)',
};

/** For commands that speak to an orchestrator. */
export const orchestratorOptions: readonly CommandOption[] = [
  {
    name: 'orchestrator',
    kind: 'text',
    value: 'URL',
    summary:
      'an orchestrator elsewhere, http://127.0.0.1:PORT through an ssh tunnel; with --token-file',
  },
  {
    name: 'token-file',
    kind: 'text',
    value: 'FILE',
    summary: 'file with a token of that orchestrator',
  },
  {
    name: 'state',
    kind: 'text',
    value: 'DIR',
    summary:
      'state directory of an orchestrator on this machine (WEIR_ORCHESTRATOR_STATE; else the nearest .weir-orchestrator above here)',
  },
];

export function commandName(command: Command): string {
  return command.words.join(' ');
}
