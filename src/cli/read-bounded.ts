/** Files a command is given by name: the size is looked at first, so that a slip does not read a disk image. */
import { readFile, stat } from 'node:fs/promises';
import { failureError, refusedError } from '#cli/cli-error.ts';
import { thousands } from '#cli/words.ts';
import { describeError } from '#core/errors.ts';

/** What is piped in, read as it comes and given up where it is too much. */
export async function readStdin(bytesMax: number, what: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    bytes += (chunk as Uint8Array).byteLength;
    if (bytes > bytesMax)
      throw refusedError('the input is too long', [
        `${what} has at most ${thousands(bytesMax)} bytes`,
      ]);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks);
}

/** `what` is what such a file holds, for example "a module". */
export async function readBounded(
  file: string,
  bytesMax: number,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: number;
  try {
    ({ size: bytes } = await stat(file));
    if (bytes <= bytesMax) return new Uint8Array(await readFile(file));
  } catch (error) {
    throw failureError(`cannot read ${file}: ${describeError(error)}`, [], error);
  }
  throw refusedError(`${file} holds ${thousands(bytes)} bytes`, [
    `${what} has at most ${thousands(bytesMax)}`,
  ]);
}
