/** `weir demo` — a demo backend and an edge in front of it, ready to be looked at. */
import type { Command } from '#cli/command.ts';

export const demo: Command = {
  words: ['demo'],
  summary: 'run a demo shop behind an edge on https://127.0.0.1:8443',
  positionals: [],
  options: [
    {
      name: 'listen',
      kind: 'text',
      value: 'HOST:PORT',
      summary: 'address of the TLS listener instead',
    },
    {
      name: 'state',
      kind: 'text',
      value: 'DIR',
      summary: 'state directory of the node (WEIR_STATE; else .weir)',
    },
  ],
  examples: ['weir demo', 'weir demo --listen 127.0.0.1:9443'],
  run: ({ roles, given }) =>
    roles.demo({ listen: given.text('listen'), state: given.text('state') }),
};
