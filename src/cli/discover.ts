/**
 * Finds the running node on this machine: `--state DIR`, else `WEIR_STATE`, else the nearest `.weir`
 * above the working directory that a node has written its `edge.json` into.
 *
 * The pid is looked at before anything is sent: when the daemon is gone, another program may hold its
 * port by now, and must not be handed the token.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { refusedError, unreachableError } from '#cli/cli-error.ts';
import type { CliIo } from '#cli/command.ts';
import { describeError } from '#core/errors.ts';
import { type FoundRunFile, isRunning, parseRunFile, runFile } from '#state/run-file.ts';
import { tokenFile } from '#state/state-directory.ts';

export type Daemon = FoundRunFile & {
  readonly stateDirectory: string;
  readonly token: string;
};

/** Directories looked at on the way up; deeper trees do not occur. */
const levelsMax = 64;
const startHint = 'start one with "weir edge --config FILE" or "weir demo"';
const stateHint = 'a node elsewhere is found with --state DIR or WEIR_STATE';

export async function discoverDaemon(io: CliIo, stateFlag: string | null): Promise<Daemon> {
  const named = stateFlag ?? (io.env['WEIR_STATE'] || null);
  const found =
    named === null ? await searchUpwards(io.cwd) : await readFrom(resolve(io.cwd, named));
  if (found === null) {
    const where =
      named === null ? `in or above ${io.cwd}` : `with its state in ${resolve(io.cwd, named)}`;
    throw unreachableError(`no running node found ${where}`, [startHint, stateHint]);
  }
  const { directory, text } = found;
  const daemon = parseRunFile(text);
  if (daemon === null) {
    throw unreachableError(`${join(directory, runFile)} is not what a node writes`, [
      'restart the node, which writes it anew',
    ]);
  }
  if (!isRunning(daemon)) {
    throw unreachableError(
      `the node of ${directory} (pid ${daemon.pid}, started ${daemon.startedAt}) is not running`,
      [startHint, stateHint],
    );
  }
  return { ...daemon, stateDirectory: directory, token: await readToken(directory) };
}

type Found = { readonly directory: string; readonly text: string };

async function searchUpwards(from: string): Promise<Found | null> {
  let at = resolve(from);
  for (let level = 0; level < levelsMax; level += 1) {
    const found = await readFrom(join(at, '.weir'));
    if (found !== null) return found;
    const above = dirname(at);
    if (above === at) return null;
    at = above;
  }
  return null;
}

async function readFrom(directory: string): Promise<Found | null> {
  const file = join(directory, runFile);
  try {
    return { directory, text: await readFile(file, 'utf8') };
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return null;
    throw unreadable(file, error);
  }
}

async function readToken(directory: string): Promise<string> {
  const file = join(directory, tokenFile);
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): Error {
  return refusedError(
    `cannot read ${file}: ${describeError(error)}`,
    ['run weir as the user who started the node'],
    error,
  );
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
