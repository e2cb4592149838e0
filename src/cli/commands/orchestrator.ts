/** `weir orchestrator` — runs the control plane of a fleet until it is told to stop. */
import type { Command } from '#cli/command.ts';

export const orchestrator: Command = {
  words: ['orchestrator'],
  summary: 'run the control plane with a configuration',
  positionals: [],
  options: [
    { name: 'config', kind: 'text', value: 'FILE', summary: 'configuration, YAML', required: true },
  ],
  examples: ['weir orchestrator --config orchestrator.yaml'],
  run: ({ roles, given }) => roles.orchestrator({ configFile: given.text('config') ?? '' }),
};
