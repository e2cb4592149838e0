/**
 * The state directory: the token of the management API, the block list and the run file that tells
 * `weir` on the same machine where the daemon is.
 *
 * ```
 * .weir/            0700
 *   token           0600   32 random bytes, made at the first start
 *   state.db        0600   see block-store.ts
 *   edge.json       0600   while an edge runs
 *   shield.sock     0600   while its packet program runs, see #roles/swap-service.ts
 *   challenge.keys  0600   see challenge-keys.ts
 *   behaviour.json  0600   see behaviour-file.ts
 *   acme/           0700   accounts, orders and certificates, see #acme/acme-store.ts
 *   ocsp/           0700   see ocsp-cache.ts
 *   modules/        0700   see module-store.ts
 *   rollout/        0700   what a fleet rolls out, see rollout-files.ts
 *   lists/          0700   what feeds said, see #feeds/list-file.ts
 *   trust.json      0600   a newer one of the fleet's than was configured, see #fleet/roster-sync.ts
 * ```
 *
 * An orchestrator has one of its own: token, orchestrator.db (`#orchestrator/orchestrator-database.ts`) and
 * orchestrator.json.
 *
 * A run file outlives a crash, and process ids are used again: an edge counts as alive only if its
 * process began when the run file says.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';
import {
  isRunning,
  type orchestratorRunFile,
  processStart,
  type RunFile,
  readRunFile,
  runFile,
} from './run-file.ts';

export type StateDirectory = {
  readonly path: string;
  readonly token: string;
  readonly tokenIsNew: boolean;
  writeRunFile(run: RunFile): void;
  /** Removes it if it is this process's own. */
  removeRunFile(): void;
};

export const tokenFile = 'token';

const tokenBytes = 32;
const tokenPattern = /^[A-Za-z0-9_-]{43}$/;
const ownFiles =
  /^(?:token|acme|ocsp|modules|rollout|lists|trust\.json(?:\.[0-9a-f]{12}\.tmp)?|shield\.sock|(?:edge|orchestrator)\.json|(?:challenge\.keys|behaviour\.json)(?:\.[0-9a-f]{12}\.tmp)?|(?:state|orchestrator)\.db(?:-wal|-shm|-journal)?|(?:token|(?:edge|orchestrator)\.json)\.[0-9]+\.tmp)$/;

/**
 * Makes what is missing. Throws STATE_UNUSABLE, also when a live edge runs there that this one is not the
 * successor of.
 */
export function openStateDirectory(
  directory: string,
  successorOf: number | null = null,
  run: typeof runFile | typeof orchestratorRunFile = runFile,
): StateDirectory {
  const who = run === runFile ? 'an edge' : 'an orchestrator';
  const path = resolve(directory);
  try {
    makePrivate(path);
    const running = readRunFile(path, run);
    if (
      running !== null &&
      running.pid !== process.pid &&
      running.pid !== successorOf &&
      isRunning(running)
    ) {
      throw new WeirError(
        'STATE_UNUSABLE',
        `${who} already runs with the state directory ${path} (pid ${running.pid}); ${run === runFile ? 'stop it with "weir stop"' : 'end it'}, or set "state" to another directory`,
      );
    }
    const { token, tokenIsNew } = readOrMakeToken(path);
    return {
      path,
      token,
      tokenIsNew,
      writeRunFile: (own) =>
        replaceFile(
          join(path, run),
          `${JSON.stringify({ ...own, processStart: processStart(own.pid) })}\n`,
        ),
      removeRunFile: () => {
        if (readRunFile(path, run)?.pid === process.pid) rmSync(join(path, run), { force: true });
      },
    };
  } catch (error) {
    if (error instanceof WeirError) throw error;
    throw new WeirError(
      'STATE_UNUSABLE',
      `the state directory ${path} cannot be used; check its owner and rights`,
      { cause: error },
    );
  }
}

function makePrivate(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const stats = lstatSync(path);
  if (!stats.isDirectory())
    throw new WeirError(
      'STATE_UNUSABLE',
      `${path} is no directory of its own; name one under "state"`,
    );
  const self = process.getuid?.();
  if (self !== undefined && stats.uid !== self) {
    throw new WeirError(
      'STATE_UNUSABLE',
      `${path} belongs to user ${stats.uid}, and this is user ${self}; run as its owner, or set "state" to another directory`,
    );
  }
  if ((stats.mode & 0o077) === 0) return;
  // Closing a directory others use (somebody wrote `state: /tmp`) would break the machine.
  const foreign = readdirSync(path).find((name) => !ownFiles.test(name));
  if (foreign !== undefined) {
    throw new WeirError(
      'STATE_UNUSABLE',
      `${path} is open to other users and holds files that are not Weir's (${foreign}); set "state" to a directory of its own, or close it with chmod 700`,
    );
  }
  chmodSync(path, 0o700);
}

function readOrMakeToken(directory: string): { token: string; tokenIsNew: boolean } {
  const path = join(directory, tokenFile);
  const kept = readToken(path);
  if (kept !== null) return { token: kept, tokenIsNew: false };
  const token = randomBytes(tokenBytes).toString('base64url');
  const temporary = `${path}.${process.pid}.tmp`;
  writePrivate(temporary, `${token}\n`);
  try {
    // Unlike a rename this does not replace the token another process has made meanwhile.
    linkSync(temporary, path);
  } catch (error) {
    const other = readToken(path);
    if (other === null) throw error;
    return { token: other, tokenIsNew: false };
  } finally {
    rmSync(temporary, { force: true });
  }
  return { token, tokenIsNew: true };
}

function readToken(path: string): string | null {
  let text: string;
  try {
    text = readFileSync(path, 'latin1').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new WeirError(
      'STATE_UNUSABLE',
      `the token ${path} cannot be read: ${describeError(error)}`,
    );
  }
  if (!tokenPattern.test(text)) {
    throw new WeirError(
      'STATE_UNUSABLE',
      `${path} holds no token; remove it, and the next start makes a new one`,
    );
  }
  chmodSync(path, 0o600);
  return text;
}

/** Readers see the old content or the new, never a part. */
function replaceFile(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writePrivate(temporary, content);
  renameSync(temporary, path);
}

function writePrivate(path: string, content: string): void {
  rmSync(path, { force: true });
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
