/** Facts of the machine a test needs. Missing ones skip it by name, or fail it under REQUIRE_ALL=1. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where set-up unpacks programs that it must not install. */
const unpacked = join(import.meta.dirname, '../../build/test-programs/usr/bin');

/** For `it(…, { skip: needs('curl') }, …)`. */
export function needs(command: string): string | false {
  if (spawnSync('which', [command]).status === 0) return false;
  const reason = `${command} is not installed`;
  if (process.env['REQUIRE_ALL'] === '1')
    throw new Error(`${reason}, and REQUIRE_ALL=1 forbids skipping`);
  return reason;
}

/**
 * For what set-up does not bring or cannot promise: browsers, scanners, other people's clients. Always a skip by name, even
 * under REQUIRE_ALL=1.
 */
export function wants(command: string): string | false {
  return spawnSync('which', [programOf(command)]).status === 0
    ? false
    : `${command} is not installed`;
}

/** What to call a program that set-up unpacks, or that is installed. */
export function programOf(name: string): string {
  const path = join(unpacked, name);
  return existsSync(path) ? path : name;
}

/** For what only root may do, with all its capabilities. */
export function needsRoot(): string | false {
  if (process.platform === 'linux' && process.getuid?.() === 0) return false;
  const reason = process.platform === 'linux' ? 'needs root' : 'needs Linux';
  if (process.env['REQUIRE_ALL'] === '1')
    throw new Error(`${reason}, and REQUIRE_ALL=1 forbids skipping`);
  return reason;
}
