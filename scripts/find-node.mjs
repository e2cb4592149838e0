/**
 * The Node that runs Weir: the one the lockfile pins as an optional package, else the one that runs now
 * if it is new enough. Plain JavaScript, because any Node from 20 on has to read it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const nodeMajorMin = 26;

/**
 * @returns {{ path: string, version: string, home: string, pinned: boolean } | { missing: string }}
 *   `home` is the folder with `bin/node` and `include/node`; `missing` says what is and what to do.
 */
export function findNode() {
  const name = `node-${process.platform}-${process.arch}`;
  const home = join(root, 'node_modules', name);
  const path = join(home, 'bin', 'node');
  let reason = `the package ${name} is not installed`;
  if (existsSync(path)) {
    try {
      const version = execFileSync(path, ['--version'], {
        encoding: 'utf8',
        timeout: 10_000,
      }).trim();
      return { path, version, home, pinned: true };
    } catch (error) {
      reason = `${path} does not run on this machine: ${error.message.split('\n')[0]}`;
    }
  }
  const [major] = process.versions.node.split('.');
  if (Number(major) >= nodeMajorMin) {
    return {
      path: process.execPath,
      version: process.version,
      home: dirname(dirname(process.execPath)),
      pinned: false,
    };
  }
  return {
    missing: `Weir runs on Node ${nodeMajorMin}: ${reason}, and the Node at hand is ${process.version}`,
  };
}
