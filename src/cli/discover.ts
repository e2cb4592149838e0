/**
 * Finds the running node on this machine: `--state DIR`, else `WEIR_STATE`, else the nearest `.weir`
 * above the working directory that a node has written its `edge.json` into.
 *
 * The pid is looked at before anything is sent: when the daemon is gone, another program may hold its
 * port by now, and must not be handed the token.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { refusedError, unreachableError } from '#cli/cli-error.ts';
import type { CliIo } from '#cli/command.ts';
import { describeError } from '#core/errors.ts';

/** What a node writes about itself; a newer one may say more. */
const runFile = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  admin: Type.String({ pattern: '^http://[^/]+$' }),
  startedAt: Type.String(),
  version: Type.String(),
});

export type Daemon = Static<typeof runFile> & {
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
    named === null ? await searchUpwards(io.cwd) : await readRunFile(resolve(io.cwd, named));
  if (found === null) {
    const where =
      named === null ? `in or above ${io.cwd}` : `with its state in ${resolve(io.cwd, named)}`;
    throw unreachableError(`no running node found ${where}`, [startHint, stateHint]);
  }
  const { directory, text } = found;
  const daemon = parseRunFile(text);
  if (daemon === null) {
    throw unreachableError(`${join(directory, 'edge.json')} is not what a node writes`, [
      'restart the node, which writes it anew',
    ]);
  }
  if (!isRunning(daemon.pid)) {
    throw unreachableError(
      `the node of ${directory} (pid ${daemon.pid}, started ${daemon.startedAt}) is not running`,
      [startHint, stateHint],
    );
  }
  return { ...daemon, stateDirectory: directory, token: await readToken(directory) };
}

type RunFile = { readonly directory: string; readonly text: string };

async function searchUpwards(from: string): Promise<RunFile | null> {
  let at = resolve(from);
  for (let level = 0; level < levelsMax; level += 1) {
    const found = await readRunFile(join(at, '.weir'));
    if (found !== null) return found;
    const above = dirname(at);
    if (above === at) return null;
    at = above;
  }
  return null;
}

async function readRunFile(directory: string): Promise<RunFile | null> {
  const file = join(directory, 'edge.json');
  try {
    return { directory, text: await readFile(file, 'utf8') };
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return null;
    throw unreadable(file, error);
  }
}

function parseRunFile(text: string): Static<typeof runFile> | null {
  try {
    const value: unknown = JSON.parse(text);
    return Check(runFile, value) ? value : null;
  } catch {
    return null;
  }
}

async function readToken(directory: string): Promise<string> {
  const file = join(directory, 'token');
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

/** EPERM is a process of somebody else, which is alive. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
