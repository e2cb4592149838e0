/**
 * One file out of a tar archive in memory (POSIX ustar, with what GNU tar and Go add being passed over).
 *
 * ```
 * header 512 bytes │ content, filled up to 512 │ header │ …            a header of zeros ends it
 * name 0–99   size 124–135 octal   checksum 148–155   type 156
 * ```
 *
 * Nothing is unpacked to disk, so names cannot lead anywhere; sizes are checked against what is there.
 */
const blockBytes = 512;
/** Files beside the one that is wanted. */
const entriesMax = 100;

/** Null when there is none of that name, at the top or below a folder. Throws an Error with one sentence. */
export function readTarEntry(archive: Buffer, name: string, bytesMax: number): Buffer | null {
  let at = 0;
  for (let entries = 0; entries < entriesMax; entries++) {
    const header = archive.subarray(at, at + blockBytes);
    if (header.length < blockBytes || header.every((byte) => byte === 0)) return null;
    checkHeader(header);
    const size = octal(header, 124, 12);
    const start = at + blockBytes;
    if (size > archive.length - start) throw new Error('a file in it is cut short');
    if (isFile(header) && baseName(header) === name) {
      if (size > bytesMax) throw new Error(`${name} has ${size} bytes: at most ${bytesMax}`);
      return archive.subarray(start, start + size);
    }
    at = start + Math.ceil(size / blockBytes) * blockBytes;
  }
  throw new Error(`it holds more than ${entriesMax} files`);
}

/** The sum of all bytes, those of the checksum itself taken as blanks. */
function checkHeader(header: Buffer): void {
  let sum = 0;
  for (let i = 0; i < blockBytes; i++) sum += i >= 148 && i < 156 ? 32 : (header[i] as number);
  if (sum !== octal(header, 148, 8)) throw new Error('a header in it is damaged');
}

const isFile = (header: Buffer): boolean => header[156] === 0x30 || header[156] === 0;

function baseName(header: Buffer): string {
  const end = header.indexOf(0);
  const path = header.toString('latin1', 0, end < 0 || end > 100 ? 100 : end);
  return path.slice(path.lastIndexOf('/') + 1);
}

function octal(header: Buffer, at: number, length: number): number {
  const text = header
    .toString('latin1', at, at + length)
    .replace(/[\0 ]+$/, '')
    .trim();
  if (!/^[0-7]{1,11}$/.test(text)) throw new Error('a number in it is not octal');
  return Number.parseInt(text, 8);
}
