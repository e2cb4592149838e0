/**
 * Reads a tar archive (POSIX ustar with pax names, as releases are packed) that came from outside: plain
 * files and folders alone, names that stay below the folder they are unpacked to, all of it bounded.
 */
import { gunzipSync } from 'node:zlib';

export type TarFile = { readonly path: string; readonly bytes: Buffer };

export const tarLimits = { unpackedBytesMax: 128 * 1024 * 1024, filesMax: 10_000 } as const;

const block = 512;

/** Files in order, the archive's one top folder taken off; a sentence where it is not to be trusted. */
export function readTarGz(packed: Buffer): readonly TarFile[] | string {
  let tar: Buffer;
  try {
    tar = gunzipSync(packed, { maxOutputLength: tarLimits.unpackedBytesMax });
  } catch (error) {
    return `it cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`;
  }
  const files: TarFile[] = [];
  let paxPath: string | null = null;
  for (let at = 0; at + block <= tar.length; ) {
    const header = tar.subarray(at, at + block);
    // Two blocks of zeros end an archive.
    if (header.every((byte) => byte === 0)) return files;
    const size = octal(header, 124, 12);
    if (size === null || !isChecked(header)) return `its header at byte ${at} is damaged`;
    const end = at + block + size;
    if (end > tar.length) return 'it ends within a file';
    const bytes = tar.subarray(at + block, end);
    const kind = String.fromCharCode(header[156] ?? 0);
    at = at + block + Math.ceil(size / block) * block;
    if (kind === 'g') continue;
    if (kind === 'x') {
      paxPath = paxPathOf(bytes);
      continue;
    }
    const path = paxPath ?? nameOf(header);
    paxPath = null;
    if (kind === '5') continue;
    if (kind !== '0' && kind !== '\0') return `${JSON.stringify(path)} is neither file nor folder`;
    const inside = insideOf(path);
    if (inside === null) return `${JSON.stringify(path)} would lie outside`;
    files.push({ path: inside, bytes });
    if (files.length > tarLimits.filesMax) return `it has more than ${tarLimits.filesMax} files`;
  }
  return 'it has no end';
}

function insideOf(path: string): string | null {
  const [, ...parts] = path.split('/');
  const isPlain =
    parts.length > 0 && parts.every((part) => /^[\w.+@ -]+$/.test(part) && !/^\.+$/.test(part));
  return isPlain && !path.startsWith('/') ? parts.join('/') : null;
}

function nameOf(header: Buffer): string {
  const prefix = text(header, 345, 155);
  const name = text(header, 0, 100);
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** `LENGTH path=NAME\n`, among other records. */
function paxPathOf(bytes: Buffer): string | null {
  return /(?:^|\n)[0-9]+ path=([^\n]*)\n/.exec(bytes.toString('utf8'))?.[1] ?? null;
}

function text(header: Buffer, from: number, length: number): string {
  const bytes = header.subarray(from, from + length);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? length : end);
}

function octal(header: Buffer, from: number, length: number): number | null {
  const digits = text(header, from, length).trim();
  return /^[0-7]{1,11}$/.test(digits) ? Number.parseInt(digits, 8) : null;
}

/** The sum of all bytes, those of the sum itself taken as blanks. */
function isChecked(header: Buffer): boolean {
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  return octal(header, 148, 8) === sum;
}
