/** A candidate as it is written on the command line: a module, or rules in SecLang, which the node compiles itself. */
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { failureError, usageError } from '#cli/cli-error.ts';
import { readBounded } from '#cli/read-bounded.ts';
import { describeError } from '#core/errors.ts';
import { moduleBytesMax } from '#core/module-files.ts';

export type CandidateBody =
  | { readonly module: string }
  /** Absolute: the node reads them, on the same machine. */
  | { readonly seclang: readonly string[] };

const wasmMark = Buffer.from([0, 0x61, 0x73, 0x6d]);

export async function readCandidate(files: readonly string[], cwd: string): Promise<CandidateBody> {
  const paths = files.map((file) => resolve(cwd, file));
  const [first = ''] = paths;
  if (!(await isModule(first))) return { seclang: paths };
  if (paths.length > 1) throw usageError('a module is one file');
  const bytes = await readBounded(first, moduleBytesMax, 'a module');
  return { module: Buffer.from(bytes).toString('base64') };
}

/** `NAME=FILE`, more than once; the files of one name belong together. */
export function readRuleFiles(given: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const files = new Map<string, string[]>();
  for (const text of given) {
    const equals = text.indexOf('=');
    if (equals < 1 || equals === text.length - 1)
      throw usageError(`--rules ${text} is not NAME=FILE`, 'NAME stands under waf.rules');
    const name = text.slice(0, equals);
    files.set(name, [...(files.get(name) ?? []), text.slice(equals + 1)]);
  }
  return files;
}

async function isModule(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return false;
    const file = await open(path, 'r');
    try {
      const mark = Buffer.alloc(wasmMark.length);
      await file.read(mark, 0, mark.length, 0);
      return mark.equals(wasmMark);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw failureError(`cannot read ${path}: ${describeError(error)}`);
  }
}
