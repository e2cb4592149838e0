/**
 * Gets a named release of the Core Rule Set: downloaded or from a file, held against the digest that was
 * asked for, and only then written. Nobody's default digest is believed: whoever names a release says
 * which bytes it is, and finds them where the project signs them.
 */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';
import { readTarGz } from './tar-file.ts';

export const releaseBytesMax = 32 * 1024 * 1024;
const downloadTimeoutMs = 60_000;

export type FetchedRelease = { readonly sha256: string; readonly files: number };

export function releaseUrl(version: string): string {
  const plain = version.replace(/^v/, '');
  return `https://github.com/coreruleset/coreruleset/releases/download/v${plain}/coreruleset-${plain}-minimal.tar.gz`;
}

/** Throws RULES_UNREADABLE; `folder` then is as it was. */
export async function fetchRelease(
  from: string,
  sha256: string | null,
  folder: string,
): Promise<FetchedRelease> {
  if (statSync(folder, { throwIfNoEntry: false }) !== undefined && readdirSync(folder).length > 0) {
    throw unusable(`${folder} is not empty`, 'name a folder that is not there yet');
  }
  const packed = /^https?:\/\//.test(from) ? await download(from) : readArchive(from);
  const digest = createHash('sha256').update(packed).digest('hex');
  if (sha256 === null) {
    throw unusable(
      `nothing was written: ${from} has the digest ${digest}`,
      'compare it with what the release signs (its .asc file), and give it: --sha256 DIGEST',
    );
  }
  if (digest !== sha256.toLowerCase()) {
    throw unusable(
      `${from} is not what was asked for`,
      `asked for ${sha256}`,
      `it has    ${digest}`,
    );
  }
  const files = readTarGz(packed);
  if (typeof files === 'string') throw unusable(`${from}: ${files}`);
  // Beside its place first, so that no half of a release is ever found there.
  const half = `${folder}.part-${process.pid}`;
  try {
    for (const { path, bytes } of files) {
      const target = join(half, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, bytes);
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(half, folder);
  } finally {
    rmSync(half, { recursive: true, force: true });
  }
  return { sha256: digest, files: files.length };
}

async function download(url: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(downloadTimeoutMs) });
    if (!response.ok)
      throw unusable(`${url} answers ${response.status}`, 'is there such a release?');
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk as Uint8Array);
      bytes += (chunk as Uint8Array).byteLength;
      if (bytes > releaseBytesMax) throw unusable(`${url} has more than ${releaseBytesMax} bytes`);
    }
  } catch (error) {
    if (error instanceof WeirError) throw error;
    throw unusable(
      `${new URL(url).host} cannot be reached: ${describeError(error)}`,
      'without a network: get the archive elsewhere, and give it with --from FILE',
      `it is ${url}`,
      'or install the package modsecurity-crs of Debian, whose folder is /usr/share/modsecurity-crs',
    );
  }
  return Buffer.concat(chunks);
}

function readArchive(file: string): Buffer {
  const status = statSync(file, { throwIfNoEntry: false });
  if (status?.isFile() !== true) throw unusable(`${file} is no file`);
  if (status.size > releaseBytesMax) {
    throw unusable(`${file} has ${status.size} bytes, and at most ${releaseBytesMax} are read`);
  }
  return readFileSync(file);
}

function unusable(message: string, ...details: readonly string[]): WeirError {
  return new WeirError('RULES_UNREADABLE', message, { details });
}
