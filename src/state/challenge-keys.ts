/**
 * The keys challenges and passes are signed with, in `challenge.keys` of the state directory, so that a
 * restart or a successor believes what was given before.
 *
 * ```
 * 2026-01-03T08:00:00.000Z base64url    signs
 * 2026-01-01T08:00:00.000Z base64url    is still believed
 * ```
 *
 * A key that leaks opens two periods and no more. The file is the clock: whichever process of a node finds
 * the newest key too old makes the next one.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';
import { writePrivateFile } from './private-file.ts';

export const challengeKeysFile = 'challenge.keys';
/** Longer than any pass lives, so that every pass lives as long as was promised. */
export const challengeKeyMs = 172_800_000;
const keyBytes = 32;

export type ChallengeKeys = {
  /** One or two, the one that signs first. */
  readonly keys: readonly Buffer[];
  /** When the next one is due. */
  readonly nextAtMs: number;
};

/** The keys as they stand, with a new one where the newest is too old. Throws STATE_UNUSABLE. */
export async function readChallengeKeys(directory: string, nowMs: number): Promise<ChallengeKeys> {
  const path = join(directory, challengeKeysFile);
  const kept = read(path);
  const newest = kept[0];
  if (newest !== undefined && nowMs - newest.madeAtMs < challengeKeyMs)
    return { keys: kept.map(({ key }) => key), nextAtMs: newest.madeAtMs + challengeKeyMs };
  const keys = [{ madeAtMs: nowMs, key: randomBytes(keyBytes) }, ...kept.slice(0, 1)];
  const lines = keys.map(
    ({ madeAtMs, key }) => `${new Date(madeAtMs).toISOString()} ${key.toString('base64url')}\n`,
  );
  try {
    await writePrivateFile(path, lines.join(''));
  } catch (error) {
    throw new WeirError(
      'STATE_UNUSABLE',
      `the challenge keys ${path} cannot be written: ${describeError(error)}`,
      { cause: error },
    );
  }
  return { keys: keys.map(({ key }) => key), nextAtMs: nowMs + challengeKeyMs };
}

function read(path: string): { madeAtMs: number; key: Buffer }[] {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
    chmodSync(path, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new WeirError(
      'STATE_UNUSABLE',
      `the challenge keys ${path} cannot be read: ${describeError(error)}`,
      { cause: error },
    );
  }
  const lines = text.split('\n').slice(0, -1);
  const keys = lines.map((line) => {
    const [time = '', key = ''] = line.split(' ');
    return { madeAtMs: Date.parse(time), key: Buffer.from(key, 'base64url') };
  });
  const isWhole = keys.every(
    ({ madeAtMs, key }) => Number.isFinite(madeAtMs) && key.length === keyBytes,
  );
  if (isWhole && keys.length >= 1 && keys.length <= 2) return keys;
  throw new WeirError(
    'STATE_UNUSABLE',
    `${path} holds no challenge keys; remove it, and the next start makes new ones (who has passed is challenged again)`,
  );
}
