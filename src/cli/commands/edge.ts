/** `weir edge` — runs a node until it is told to stop. */
import type { Command } from '#cli/command.ts';

export const edge: Command = {
  words: ['edge'],
  summary: 'run a node with a configuration',
  positionals: [],
  options: [
    { name: 'config', kind: 'text', value: 'FILE', summary: 'configuration, YAML', required: true },
  ],
  examples: ['weir edge --config weir.yaml'],
  run: ({ roles, given }) => roles.edge({ configFile: given.text('config') ?? '' }),
};
