/** What `weir module test` is asked about: a folder of sources, or a module that is built already. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';
import { caseFileBytesMax, type ReadCases, readCases } from '#wasm/cases/read-cases.ts';
import { checkEntry, compileFolder } from './build-module.ts';
import { moduleFolder } from './module-folder.ts';
import type { TestSubject } from './test-module.ts';

export type TestTarget = {
  readonly name: string;
  /** Whose changes matter, and from which sources are named. */
  readonly folder: string;
  /** Null for a folder, which is compiled. */
  readonly wasmFile: string | null;
  readonly casesFile: string;
};

/** Throws `MODULE_UNREADABLE` for what is neither. */
export async function testTarget(path: string, casesFile: string | null): Promise<TestTarget> {
  if (path.endsWith('.wasm')) {
    const name = basename(path, '.wasm');
    const beside = `${path.slice(0, -'.wasm'.length)}.cases.json`;
    return {
      ...{ name, folder: dirname(path), wasmFile: path },
      casesFile: casesFile ?? beside,
    };
  }
  const folder = moduleFolder(path);
  await checkEntry(folder);
  return {
    name: folder.name,
    folder: folder.directory,
    wasmFile: null,
    casesFile: casesFile ?? folder.casesFile,
  };
}

export type ReadTarget = { readonly subject: TestSubject; readonly cases: ReadCases };

/** Throws `GuestCompileError`, or `MODULE_UNREADABLE`. */
export async function readTarget(target: TestTarget): Promise<ReadTarget> {
  const cases = readCases(await readText(target.casesFile, 'the cases'));
  const { name, wasmFile } = target;
  if (wasmFile === null) {
    const { bytes, sourceMap } = await compileFolder(moduleFolder(target.folder));
    return { subject: { name, bytes, sourceMap }, cases };
  }
  const bytes = await readBytes(wasmFile, 'the module');
  const sourceMap = await readFile(`${wasmFile}.map`, 'utf8').catch(() => null);
  return { subject: { name, bytes, sourceMap }, cases };
}

const readText = async (file: string, what: string): Promise<string> =>
  new TextDecoder().decode(await readBytes(file, what));

async function readBytes(file: string, what: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > caseFileBytesMax) {
      throw new WeirError(
        'MODULE_UNREADABLE',
        `${file} holds ${size} bytes: at most ${caseFileBytesMax} are read`,
      );
    }
    return await readFile(file);
  } catch (error) {
    if (error instanceof WeirError) throw error;
    throw new WeirError('MODULE_UNREADABLE', `${what} cannot be read: ${describeError(error)}`);
  }
}
