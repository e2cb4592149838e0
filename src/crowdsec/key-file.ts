/** A key in a file: one line, nothing around it, never in a log. */
import { readFile } from 'node:fs/promises';

/** Throws with what is wrong with it, and not with what it holds. */
export async function readKeyFile(path: string): Promise<string> {
  const text = (await readFile(path, 'utf8')).trim();
  if (!/^[\u0021-\u007e]{16,256}$/.test(text))
    throw new Error(`${path} holds no key: one line of 16 to 256 printable characters`);
  return text;
}
