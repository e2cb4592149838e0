/**
 * Lists as the state directory keeps them, so that a node that starts while their source cannot be reached enforces
 * what it enforced before.
 *
 * ```
 * lists/                    0700
 *   feed_drop.list          0600   {"version":1,"origin":"feed:drop","sha256":"…",…}
 *                                  1.10.16.0/20<TAB>drop<TAB>END<TAB>MADE<TAB>REASON
 * ```
 *
 * The first line carries the checksum of the rest and what the source said of it. A file that is not whole, not ours,
 * or holds anything that is no entry is not used, and the list is fetched anew: half a list is never enforced.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';
import { parseCidr } from '#core/ip.ts';
import { makePrivateFolder, removePrivateFile, writePrivateFile } from '#state/private-file.ts';
import { ListedBlocks, type ListFacts, type ListTerm, listedTargetsMax } from './listed-blocks.ts';

type Header = ListFacts & {
  readonly version: 1;
  readonly origin: string;
  readonly sha256: string;
};

const listsFolder = 'lists';
/** A million entries with their reasons. */
const fileBytesMax = 256 * 1_048_576;
/** Lists a node has at one time, those that were left behind included. */
const filesMax = 256;

const fileNameOf = (origin: string): string => `${origin.replace(':', '_')}.list`;

/** All lists that are kept. Throws STATE_UNUSABLE where the folder cannot be read at all. */
export function openLists(statePath: string): ListedBlocks {
  const lists = new ListedBlocks();
  const folder = join(statePath, listsFolder);
  for (const name of listFileNames(folder)) {
    const path = join(folder, name);
    try {
      const { header, entries } = readListFile(path);
      if (fileNameOf(header.origin) !== name) throw new Error('it is of another list');
      lists.replace(header.origin, entries);
      const { loadedAtMs, etag, lastModified, contentSha256, terms } = header;
      lists.kept.set(header.origin, { loadedAtMs, etag, lastModified, contentSha256, terms });
    } catch (error) {
      lists.broken.push(`${path}: ${describeError(error)}`);
    }
  }
  return lists;
}

export async function writeListFile(
  statePath: string,
  origin: string,
  facts: ListFacts,
  entries: ReadonlyMap<string, ListTerm>,
): Promise<void> {
  const folder = join(statePath, listsFolder);
  await makePrivateFolder(folder);
  const lines: string[] = [];
  for (const [target, { action, expiresAtMs, atMs, reason }] of entries)
    lines.push(`${target}\t${action}\t${expiresAtMs ?? '-'}\t${atMs}\t${reason}\n`);
  const body = lines.join('');
  const header: Header = { version: 1, origin, sha256: sha256Of(body), ...facts };
  await writePrivateFile(join(folder, fileNameOf(origin)), `${JSON.stringify(header)}\n${body}`);
}

export async function removeListFile(statePath: string, origin: string): Promise<void> {
  await makePrivateFolder(join(statePath, listsFolder));
  await removePrivateFile(join(statePath, listsFolder, fileNameOf(origin)));
}

export const sha256Of = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');

function listFileNames(folder: string): readonly string[] {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return readdirSync(folder)
      .filter((name) => name.endsWith('.list'))
      .slice(0, filesMax);
  } catch (error) {
    throw new WeirError('STATE_UNUSABLE', `the lists in ${folder} cannot be read`, {
      cause: error,
    });
  }
}

function readListFile(path: string): { header: Header; entries: Map<string, ListTerm> } {
  if (statSync(path).size > fileBytesMax)
    throw new Error(`it is longer than ${fileBytesMax} bytes`);
  const text = readFileSync(path, 'utf8');
  const end = text.indexOf('\n');
  const header = headerOf(text.slice(0, end));
  const body = text.slice(end + 1);
  if (header === null || sha256Of(body) !== header.sha256)
    throw new Error('its checksum does not fit');
  const entries = new Map<string, ListTerm>();
  // Entries of one load share one object, in memory as they did before.
  let last: { readonly rest: string; readonly term: ListTerm } | null = null;
  for (let from = 0; from < body.length; ) {
    const next = body.indexOf('\n', from);
    const tab = body.indexOf('\t', from);
    const target = body.slice(from, tab);
    const rest = body.slice(tab + 1, next);
    if (last === null || last.rest !== rest) last = { rest, term: termOf(rest) };
    if (next === -1 || tab === -1 || parseCidr(target)?.text !== target)
      throw new Error('it holds what is no entry');
    entries.set(target, last.term);
    if (entries.size > listedTargetsMax) throw new Error('it holds too many entries');
    from = next + 1;
  }
  return { header, entries };
}

function headerOf(text: string): Header | null {
  const value = JSON.parse(text) as Partial<Header> | null;
  const isWhole =
    value?.version === 1 &&
    typeof value.origin === 'string' &&
    typeof value.sha256 === 'string' &&
    typeof value.loadedAtMs === 'number' &&
    typeof value.terms === 'string';
  return isWhole ? (value as Header) : null;
}

function termOf(text: string): ListTerm {
  const [action, end, made, reason] = text.split('\t');
  if (
    (action !== 'drop' && action !== 'monitor' && action !== 'challenge') ||
    reason === undefined ||
    !/^\d+$/.test(made ?? '')
  )
    throw new Error('it holds what is no entry');
  if (end !== '-' && !/^\d+$/.test(end ?? '')) throw new Error('it holds what is no entry');
  return {
    action,
    reason,
    atMs: Number(made),
    expiresAtMs: end === '-' ? null : Number(end),
  };
}
