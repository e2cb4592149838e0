/**
 * `weir fleet add|remove|update` — members of a fleet come and go, in the folder that `weir fleet init` made; what is
 * left for people to do is said with the names of files.
 */
import { join } from 'node:path';
import { usageError } from '#cli/cli-error.ts';
import { type Command, type CommandOption, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { lineDifference } from '#cli/line-difference.ts';
import { printable } from '#cli/printer.ts';
import { addMember, type FolderChange, removeMember, updateFolder } from '#fleet/fleet-folder.ts';
import { isMemberName } from '#fleet/subjects.ts';

const dirOption: CommandOption = {
  name: 'dir',
  kind: 'text',
  value: 'DIR',
  summary: 'the folder of the fleet, as "weir fleet init" made it',
  required: true,
};
const tagsMax = 32;
const regionCharactersMax = 64;

export const fleetAdd: Command = {
  words: ['fleet', 'add'],
  summary: 'make the keys and files of one more member of a fleet',
  positionals: ['NAME'],
  options: [
    dirOption,
    { name: 'kind', kind: 'text', value: 'KIND', summary: 'edge (else that) or orchestrator' },
    { name: 'region', kind: 'text', value: 'TEXT', summary: 'where it stands, told to others' },
    { name: 'tags', kind: 'text', value: 'A,B', summary: 'what it is, told to others' },
    {
      name: 'nats',
      kind: 'text',
      value: 'URL,URL',
      summary: 'NATS servers as it reaches them, nats://host:port or tls://host:port',
    },
    jsonOption,
  ],
  examples: ['weir fleet add edge-4 --dir fleet --region eu'],
  async run({ given, print }) {
    const folder = given.text('dir') ?? '';
    const id = memberName(given.positional(0));
    const kind = given.text('kind') ?? 'edge';
    if (kind !== 'edge' && kind !== 'orchestrator')
      throw usageError(`--kind ${kind} is neither edge nor orchestrator`);
    const region = given.text('region');
    if (region !== null && (region.trim() === '' || region.length > regionCharactersMax))
      throw usageError(`--region has 1 to ${regionCharactersMax} characters`);
    const tags = (given.text('tags') ?? '').split(',').flatMap((tag) => tag.trim() || []);
    if (tags.length > tagsMax || tags.some((tag) => tag.length > regionCharactersMax))
      throw usageError(`--tags has at most ${tagsMax} tags of ${regionCharactersMax} characters`);
    const role = kind === 'edge' ? 'node' : 'orchestrator';
    const servers = serversOf(given.text('nats'));
    const change = await addMember(folder, { id, role, region, tags, servers });
    const place = join(folder, id);
    print.answer({ ...answerOf(folder, change), member: id, kind, files: [place] }, () =>
      numbered(`${id} is a member of ${change.fleet}, version ${change.version}: ${place}`, [
        reloadText(folder),
        `take ${place} to its machine; nats.nk and signing.key stay secret`,
        'put its fleet.yaml into the configuration that stands beside it, and start it: the others learn of it from it',
      ]),
    );
    return exitCodes.ok;
  },
};

export const fleetRemove: Command = {
  words: ['fleet', 'remove'],
  summary: 'take a member out of a fleet, in peace or because its keys were stolen',
  positionals: ['NAME'],
  options: [
    dirOption,
    {
      name: 'stolen',
      kind: 'flag',
      summary: 'nothing it signed counts any more, and its keys are never taken again',
    },
    {
      name: 'since',
      kind: 'text',
      value: 'TIME',
      summary:
        'with --stolen: what it decided before is issued again by an orchestrator (now; 2026-01-31T12:00:00Z)',
    },
    jsonOption,
  ],
  examples: [
    'weir fleet remove edge-2 --dir fleet',
    'weir fleet remove edge-2 --dir fleet --stolen --since 2026-01-31T12:00:00Z',
  ],
  async run({ given, print }) {
    const folder = given.text('dir') ?? '';
    const id = memberName(given.positional(0));
    const isStolen = given.flag('stolen');
    const since = sinceOf(given.text('since'), isStolen);
    const change = await removeMember(folder, id, isStolen ? since : null);
    const { movedTo } = change;
    const moved =
      movedTo === null ? [] : [`its files are in ${movedTo}; destroy them when you will`];
    const counts = isStolen
      ? `nothing it signed counts; what it decided before ${since} is issued again by the orchestrator that takes this`
      : 'what it decided until now holds until it ends';
    print.answer(
      { ...answerOf(folder, change), member: id, stolen: isStolen, since, movedTo },
      () =>
        numbered(
          `${id} is no member of ${change.fleet} from version ${change.version} on: ${counts}`,
          [
            publishText(folder),
            `${reloadText(folder)}: it is cut off`,
            ...(isStolen ? [] : [`stop it on its machine, if it still runs`]),
            ...moved,
          ],
        ),
    );
    return exitCodes.ok;
  },
};

export const fleetUpdate: Command = {
  words: ['fleet', 'update'],
  summary: 'bring the folder of a fleet up to date: permissions, roster, what was cut short',
  positionals: [],
  options: [
    dirOption,
    { name: 'dry-run', kind: 'flag', summary: 'show what would change, and change nothing' },
    jsonOption,
  ],
  examples: ['weir fleet update --dir fleet --dry-run', 'weir fleet update --dir fleet'],
  async run({ given, print }) {
    const folder = given.text('dir') ?? '';
    const isDry = given.flag('dry-run');
    const change = await updateFolder(folder, isDry);
    const files = change.files.map(({ path, before, after }) => ({
      path,
      difference: lineDifference(before, after),
    }));
    print.answer({ ...answerOf(folder, change), written: !isDry, files }, () => {
      if (files.length === 0) return `${folder} is up to date, version ${change.version}`;
      const shown = files.flatMap(({ path, difference }) => [
        print.paint('bold', path),
        ...difference.map((line) => printable(line)),
        '',
      ]);
      if (isDry) return [...shown, `nothing is written; without --dry-run it is`].join('\n');
      const server = files.some(({ path }) => path.endsWith('nats-server.conf'));
      return [
        ...shown,
        numbered(`${folder} is up to date, version ${change.version}`, [
          ...(server ? [reloadText(folder)] : []),
          change.isNewOwner
            ? `take ${join(folder, 'trust.json')} to every member once, in place of its own, and start it anew ("weir upgrade"): later ones it learns by itself. ${join(folder, 'owner.key')} signs them; it stays here, and secret`
            : publishText(folder),
        ]),
      ].join('\n');
    });
    return exitCodes.ok;
  },
};

function memberName(text: string): string {
  if (!isMemberName(text))
    throw usageError(
      `"${text}" is no name of a member`,
      'small letters, digits and dashes, at most 32, for example edge-1',
    );
  return text;
}

function serversOf(text: string | null): string[] | null {
  if (text === null) return null;
  const servers = text.split(',').map((part) => part.trim());
  for (const server of servers) {
    const port = /^(?:nats|tls):\/\/[^\s/@]+:([0-9]{1,5})$/.exec(server)?.[1];
    if (port === undefined || Number(port) < 1 || Number(port) > 65_535)
      throw usageError(`"${server}" (--nats) is no NATS server`, 'write nats://10.0.0.5:4222');
  }
  return servers;
}

function sinceOf(text: string | null, isStolen: boolean): string {
  if (text === null) return new Date().toISOString();
  if (!isStolen) throw usageError('--since goes with --stolen');
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(ms))
    throw usageError(`--since ${text} is no time`, 'write 2026-01-31T12:00:00Z');
  if (ms > Date.now()) throw usageError(`--since ${text} is to come`, 'a key is stolen when it is');
  return new Date(ms).toISOString();
}

const answerOf = (folder: string, { fleet, version, files }: FolderChange) => ({
  ...{ fleet, folder, version },
  written: files.map(({ path }) => path),
});

const reloadText = (folder: string): string =>
  `give the server ${join(folder, 'nats-server.conf')} and reload it: nats-server --signal reload=PID, or systemctl reload nats-server`;

const publishText = (folder: string): string =>
  `tell the fleet: weir fleet publish --dir ${folder}, where an orchestrator runs`;

const numbered = (head: string, steps: readonly string[]): string =>
  [head, '', ...steps.map((step, index) => `${index + 1}. ${step}`)].join('\n');
