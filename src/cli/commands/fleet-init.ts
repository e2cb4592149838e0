/**
 * `weir fleet init` — keys, permissions and configuration of a new fleet, in one folder: what the NATS server
 * gets, and for each member what it needs.
 */
import { join } from 'node:path';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { parseListenAddress } from '#config/address.ts';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { isMemberName } from '#fleet/subjects.ts';

const membersMax = 1_000;

export const fleetInit: Command = {
  words: ['fleet', 'init'],
  summary: 'make the keys and files of a new fleet',
  positionals: [],
  options: [
    {
      name: 'dir',
      kind: 'text',
      value: 'DIR',
      summary: 'where they go; nothing there is written over',
      required: true,
    },
    { name: 'fleet', kind: 'text', value: 'NAME', summary: 'what it is called', required: true },
    { name: 'nodes', kind: 'text', value: 'A,B,C', summary: 'names of the nodes', required: true },
    {
      name: 'orchestrators',
      kind: 'text',
      value: 'A,B',
      summary: 'names of the control planes (orchestrator)',
    },
    {
      name: 'nats',
      kind: 'text',
      value: 'HOST:PORT',
      summary: 'where the NATS server listens (127.0.0.1:4222)',
    },
    jsonOption,
  ],
  examples: ['weir fleet init --dir fleet --fleet shop --nodes edge-1,edge-2,edge-3'],
  async run({ given, print }) {
    const folder = given.text('dir') ?? '';
    const fleet = name(given.text('fleet') ?? '', '--fleet');
    const nodes = names(given.text('nodes') ?? '', '--nodes');
    const orchestrators = names(given.text('orchestrators') ?? 'orchestrator', '--orchestrators');
    const members = [...nodes, ...orchestrators];
    const twice = members.find((member, index) => members.indexOf(member) !== index);
    if (twice !== undefined) throw usageError(`there are two members named ${twice}`);
    if (members.length > membersMax)
      throw usageError(`${members.length} members are more than ${membersMax}`);
    const nats = natsAddress(given.text('nats') ?? '127.0.0.1:4222');
    const files = await writeFleetFiles(folder, { fleet, nodes, orchestrators, nats });
    print.answer({ fleet, folder, nodes, orchestrators, files }, () =>
      [
        print.columns([
          ['server', join(folder, 'nats-server.conf')],
          ...members.map((member): [string, string] => [member, join(folder, member)]),
        ]),
        '',
        `1. start the server in its folder: cd ${folder} && nats-server -c nats-server.conf`,
        "2. take each member's folder to its machine; nats.nk and signing.key stay secret",
        '3. put its fleet.yaml into the configuration that stands beside it, and start the node',
      ].join('\n'),
    );
    return exitCodes.ok;
  },
};

function names(text: string, option: string): string[] {
  return text.split(',').map((part) => name(part.trim(), option));
}

function name(text: string, option: string): string {
  if (!isMemberName(text))
    throw usageError(
      `"${text}" (${option}) is no name for it`,
      'small letters, digits and dashes, at most 32, for example edge-1',
    );
  return text;
}

function natsAddress(text: string): { host: string; port: number } {
  const address = parseListenAddress(text);
  if (address !== null && address.port > 0) return { host: address.host, port: address.port };
  const [, host = '', digits = ''] =
    /^([a-zA-Z][a-zA-Z0-9.-]{0,252}):([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === '' || port < 1 || port > 65_535)
    throw usageError(`"${text}" (--nats) is no host:port`, 'for example 10.0.0.5:4222');
  return { host, port };
}
