/**
 * Compiles the packet program to `build/bpf/shield.o`, and `shield-bench.o`, which makes its own frames.
 *
 *     node scripts/build-bpf.ts
 *
 * Needs clang 14 or newer and the headers of the kernel's user API; without them the edge runs with
 * nftables, or refuses at accept, and says so. What is up to date is left alone: a stamp holds the hash of
 * sources and compiler. An object appears whole or not at all. It is read back by the loader's own parser,
 * so what cannot be loaded is not left there.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseBpfObject } from '#synproxy/bpf-object.ts';

const root = join(import.meta.dirname, '..');
const versionMin = 14;
/** The architecture's own headers of Debian and its kin; elsewhere they lie in /usr/include itself. */
const multiarch = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((name) => `/usr/include/${name}`);
const options = ['-O2', '-g', '-target', 'bpf', '-mcpu=v3', '-Wall', '-Wextra', '-Werror'];

export type BuiltBpf = { readonly path: string; readonly compiled: boolean };

/** The reason where it cannot be built here. */
export function buildBpf(outDirectory = join(root, 'build', 'bpf')): readonly BuiltBpf[] | string {
  const clang = findClang();
  if (typeof clang !== 'object') return clang;
  const sources = join(root, 'bpf');
  const hash = createHash('sha256').update(clang.version).update(options.join(' '));
  for (const file of readdirSync(sources).toSorted())
    hash.update(file).update(readFileSync(join(sources, file)));
  const stamp = hash.digest('hex');
  mkdirSync(outDirectory, { recursive: true });
  const objects = [
    { source: 'shield.bpf.c', object: 'shield.o', defines: [] },
    { source: 'shield.bpf.c', object: 'shield-bench.o', defines: ['-DBENCH'] },
    { source: 'generate.bpf.c', object: 'generate.o', defines: [] },
  ];
  try {
    return objects.map(({ source, object, defines }) => {
      const path = join(outDirectory, object);
      const stampPath = `${path}.stamp`;
      if (existsSync(path) && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp)
        return { path, compiled: false };
      const beside = `${path}.${process.pid}.tmp`;
      try {
        run(clang.path, [
          ...options,
          ...defines,
          ...clang.includes,
          '-c',
          join(sources, source),
          '-o',
          beside,
        ]);
        if (clang.strip !== null) run(clang.strip, ['-g', beside]);
        parseBpfObject(readFileSync(beside));
        renameSync(beside, path);
      } finally {
        rmSync(beside, { force: true });
      }
      writeFileSync(stampPath, stamp);
      return { path, compiled: true };
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

type Clang = { path: string; version: string; includes: readonly string[]; strip: string | null };

function findClang(): Clang | string {
  if (process.platform !== 'linux') return `needs Linux, and this is ${process.platform}`;
  if (!existsSync('/usr/include/linux/bpf.h'))
    return 'linux/bpf.h is not installed (linux-libc-dev)';
  const seen: string[] = [];
  for (const path of [
    'clang',
    ...['20', '19', '18', '17', '16', '15', '14'].map((n) => `clang-${n}`),
  ]) {
    const version = output(path, ['--version']);
    if (version === null) continue;
    const major = Number(/version (\d+)/.exec(version)?.[1] ?? 0);
    seen.push(`${path} ${major}`);
    if (major < versionMin) continue;
    const includes = multiarch
      .filter((folder) => existsSync(folder))
      .map((folder) => `-I${folder}`);
    const strip = ['llvm-strip', path.replace('clang', 'llvm-strip')].find(
      (name) => output(name, ['--version']) !== null,
    );
    return { path, version, includes, strip: strip ?? null };
  }
  return seen.length === 0
    ? 'clang is not installed'
    : `needs clang ${versionMin} or newer, found ${seen.join(', ')}`;
}

function output(command: string, parameters: readonly string[]): string | null {
  try {
    return execFileSync(command, parameters, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return null;
  }
}

function run(command: string, parameters: readonly string[]): void {
  try {
    execFileSync(command, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new Error(`${command}: ${said.split('\n').slice(0, 10).join('\n')}`);
  }
}

if (import.meta.main) {
  const built = buildBpf();
  if (typeof built === 'string') {
    process.stderr.write(`the packet program was not built: ${built}\n`);
    process.exitCode = 1;
  } else {
    for (const { path, compiled } of built)
      process.stdout.write(
        `${path.slice(root.length + 1)}: ${compiled ? 'compiled' : 'up to date'}\n`,
      );
  }
}
