/**
 * Fetches the bytes of a rule module named in the configuration: `builtin:NAME` for one that ships
 * with Weir, else a file, relative to the folder of the configuration.
 */
import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WeirError } from '#core/errors.ts';

export type ModuleFile = {
  /** As the configuration has it. */
  readonly source: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
};

/** 16 MiB: above the largest module the rule compilers make, below what could exhaust a worker. */
export const moduleBytesMax = 16 * 1024 * 1024;

const builtinPrefix = 'builtin:';
const builtinDirectory = join(
  dirname(fileURLToPath(import.meta.url)),
  '..',
  '..',
  'build',
  'rules',
);

export async function readModuleSource(source: string, baseDirectory: string): Promise<ModuleFile> {
  const path = source.startsWith(builtinPrefix)
    ? await builtinPath(source.slice(builtinPrefix.length))
    : resolve(baseDirectory, source);
  const bytes = await readBounded(path, source);
  return { source, path, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function builtinPath(name: string): Promise<string> {
  const present = (await readdir(builtinDirectory).catch(() => []))
    .filter((file) => file.endsWith('.wasm'))
    .map((file) => file.slice(0, -'.wasm'.length))
    .toSorted();
  // Looked up rather than joined, so a name cannot lead out of the folder.
  if (present.includes(name)) return join(builtinDirectory, `${name}.wasm`);
  const fix =
    present.length === 0
      ? 'none is built: run node scripts/build-rules.ts'
      : `there are ${present.map((known) => builtinPrefix + known).join(', ')}`;
  throw new WeirError('MODULE_UNREADABLE', `no rule module ${builtinPrefix}${name}: ${fix}`);
}

/** Never takes in more than the bound, whatever the size of the file is said to be. */
async function readBounded(path: string, source: string): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > moduleBytesMax) throw tooLarge(source, path, size);
    const bytes = Buffer.allocUnsafeSlow(Math.min(size, moduleBytesMax));
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    if (error instanceof WeirError) throw error;
    throw new WeirError(
      'MODULE_UNREADABLE',
      `rule module ${source} cannot be read: check that ${path} is a readable file`,
      {
        cause: error,
      },
    );
  }
}

function tooLarge(source: string, path: string, size: number): WeirError {
  return new WeirError(
    'MODULE_UNREADABLE',
    `rule module ${source} (${path}) has ${size} bytes: at most ${moduleBytesMax} are allowed`,
  );
}
