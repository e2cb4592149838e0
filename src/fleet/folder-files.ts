/**
 * Files of a fleet's folder, changed so that nothing is lost: one that changes is written beside the old one, synced
 * and moved into its place, and the old one stays as `NAME.before`; one change of the folder at a time.
 */
import { closeSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { chmod, chown, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';

const lockFile = 'roster.lock';

/** Null where there is none. Throws STATE_UNUSABLE. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unusable(path, error);
  }
}

/** With the rights and the owner of the one before. Throws STATE_UNUSABLE, and then the old one is in its place. */
export async function replaceFile(path: string, content: string, mode = 0o644): Promise<void> {
  const beside = `${path}.new`;
  try {
    const before = statSync(path, { throwIfNoEntry: false });
    await rm(beside, { force: true });
    const file = await open(beside, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    if (before !== undefined) {
      await chmod(beside, before.mode & 0o777);
      if (process.getuid?.() === 0) await chown(beside, before.uid, before.gid);
      rmSync(`${path}.before`, { force: true });
      linkSync(path, `${path}.before`);
    }
    await rename(beside, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw unusable(path, error);
  }
}

/** One that must not be there. Throws FLEET_FILE_EXISTS, STATE_UNUSABLE. */
export async function writeNewFile(path: string, content: string, mode: number): Promise<void> {
  try {
    const file = await open(path, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new WeirError('FLEET_FILE_EXISTS', `${path} exists, and keys are never written over`);
    throw unusable(path, error);
  }
}

/** Throws FLEET_FOLDER_BUSY; a lock whose process is gone counts for nothing. */
export function lockFolder(folder: string): Disposable {
  const path = join(folder, lockFile);
  for (let attempt = 0; ; attempt++) {
    try {
      const file = openSync(path, 'wx', 0o600);
      writeSync(file, `${process.pid}\n`);
      closeSync(file);
      return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(folder, error);
      const pid = Number(readIfThere(path)?.trim() ?? '');
      if (attempt > 0 || isThere(pid))
        throw new WeirError(
          'FLEET_FOLDER_BUSY',
          `${folder} is being changed by another process${pid > 0 ? ` (pid ${pid})` : ''}`,
          { details: [`wait for it; if there is none, remove ${path}`] },
        );
      rmSync(path, { force: true });
    }
  }
}

function isThere(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const unusable = (path: string, error: unknown): WeirError =>
  error instanceof WeirError
    ? error
    : new WeirError('STATE_UNUSABLE', `cannot write to ${path}: ${describeError(error)}`, {
        cause: error,
      });
