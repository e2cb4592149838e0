/** Facts of the machine a test needs. Missing ones skip it by name, or fail it under REQUIRE_ALL=1. */
import { spawnSync } from 'node:child_process';

/** For `it(…, { skip: needs('curl') }, …)`. */
export function needs(command: string): string | false {
  if (spawnSync('which', [command]).status === 0) return false;
  const reason = `${command} is not installed`;
  if (process.env['REQUIRE_ALL'] === '1')
    throw new Error(`${reason}, and REQUIRE_ALL=1 forbids skipping`);
  return reason;
}

/**
 * For what no set-up of ours brings: browsers, scanners, other people's clients. Always a skip by name, even
 * under REQUIRE_ALL=1.
 */
export function wants(command: string): string | false {
  return spawnSync('which', [command]).status === 0 ? false : `${command} is not installed`;
}

/** For what only root may do, with all its capabilities. */
export function needsRoot(): string | false {
  if (process.platform === 'linux' && process.getuid?.() === 0) return false;
  const reason = process.platform === 'linux' ? 'needs root' : 'needs Linux';
  if (process.env['REQUIRE_ALL'] === '1')
    throw new Error(`${reason}, and REQUIRE_ALL=1 forbids skipping`);
  return reason;
}
