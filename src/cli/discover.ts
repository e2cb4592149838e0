/**
 * Finds the running node on this machine: `--state DIR`, else `WEIR_STATE`, else the nearest `.weir`
 * above the working directory that a node has written its `edge.json` into. An orchestrator is found the
 * same way, by names of its own.
 *
 * The pid is looked at before anything is sent: when the daemon is gone, another program may hold its
 * port by now, and must not be handed the token.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { refusedError, unreachableError } from '#cli/cli-error.ts';
import type { CliIo } from '#cli/command.ts';
import { describeError } from '#core/errors.ts';
import {
  type FoundRunFile,
  isRunning,
  orchestratorRunFile,
  parseRunFile,
  runFile,
} from '#state/run-file.ts';
import { tokenFile } from '#state/state-directory.ts';

export type Daemon = FoundRunFile & {
  readonly stateDirectory: string;
  readonly token: string;
};

/** Directories looked at on the way up; deeper trees do not occur. */
const levelsMax = 64;

/** What can be looked for. */
export type DaemonKind = {
  readonly noun: string;
  readonly directory: string;
  readonly runFile: string;
  readonly variable: string;
  readonly hints: readonly string[];
};

export const nodeDaemon: DaemonKind = {
  noun: 'node',
  directory: '.weir',
  runFile,
  variable: 'WEIR_STATE',
  hints: [
    'start one with "weir edge --config FILE" or "weir demo"',
    'a node elsewhere is found with --state DIR or WEIR_STATE',
  ],
};

export const orchestratorDaemon: DaemonKind = {
  noun: 'orchestrator',
  directory: '.weir-orchestrator',
  runFile: orchestratorRunFile,
  variable: 'WEIR_ORCHESTRATOR_STATE',
  hints: [
    'start one with "weir orchestrator --config FILE"',
    'one elsewhere on this machine is found with --state DIR or WEIR_ORCHESTRATOR_STATE, one on another machine with --orchestrator URL and --token-file FILE',
  ],
};

export async function discoverDaemon(
  io: CliIo,
  stateFlag: string | null,
  kind = nodeDaemon,
): Promise<Daemon> {
  const { noun, hints } = kind;
  const named = stateFlag ?? (io.env[kind.variable] || null);
  const found =
    named === null
      ? await searchUpwards(io.cwd, kind)
      : await readFrom(resolve(io.cwd, named), kind);
  if (found === null) {
    const where =
      named === null ? `in or above ${io.cwd}` : `with its state in ${resolve(io.cwd, named)}`;
    throw unreachableError(`no running ${noun} found ${where}`, hints);
  }
  const { directory, text } = found;
  const daemon = parseRunFile(text);
  if (daemon === null) {
    throw unreachableError(`${join(directory, kind.runFile)} is not what a ${noun} writes`, [
      `restart the ${noun}, which writes it anew`,
    ]);
  }
  if (!isRunning(daemon)) {
    throw unreachableError(
      `the ${noun} of ${directory} (pid ${daemon.pid}, started ${daemon.startedAt}) is not running`,
      hints,
    );
  }
  return { ...daemon, stateDirectory: directory, token: await readToken(directory, noun) };
}

type Found = { readonly directory: string; readonly text: string };

async function searchUpwards(from: string, kind: DaemonKind): Promise<Found | null> {
  let at = resolve(from);
  for (let level = 0; level < levelsMax; level += 1) {
    const found = await readFrom(join(at, kind.directory), kind);
    if (found !== null) return found;
    const above = dirname(at);
    if (above === at) return null;
    at = above;
  }
  return null;
}

async function readFrom(directory: string, kind: DaemonKind): Promise<Found | null> {
  const file = join(directory, kind.runFile);
  try {
    return { directory, text: await readFile(file, 'utf8') };
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return null;
    throw unreadable(file, kind.noun, error);
  }
}

async function readToken(directory: string, noun: string): Promise<string> {
  const file = join(directory, tokenFile);
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw unreadable(file, noun, error);
  }
}

function unreadable(file: string, noun: string, error: unknown): Error {
  return refusedError(
    `cannot read ${file}: ${describeError(error)}`,
    [`run weir as the user who started the ${noun}`],
    error,
  );
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
