/** A rule author's folder → `build/NAME.wasm`, with its source map and its cases beside it. */
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WeirError } from '#core/errors.ts';
import { hostCalls, hostModule } from '#wasm/hostcalls/host-calls.ts';
import { compileApart } from './compile-apart.ts';
import type { CompiledGuest } from './compile-guest.ts';
import { entryFile, type ModuleFolder, writeEditorFiles } from './module-folder.ts';

/** Throws `GuestCompileError`. Writes nothing. */
export function compileFolder(folder: ModuleFolder): Promise<CompiledGuest> {
  return compileApart({
    baseDirectory: folder.directory,
    entry: entryFile,
    forShipping: false,
  });
}

export type BuiltModule = {
  readonly file: string;
  readonly bytes: number;
  readonly sourceMapFile: string;
  /** Null where the folder has no cases. */
  readonly casesFile: string | null;
  /** What the configuration has to grant: each is a name, or several of which one is enough. */
  readonly grants: readonly string[];
};

/** Each file is written beside its place and moved there: a node that watches it never sees half. */
export async function buildModule(
  folder: ModuleFolder,
  file = folder.wasmFile,
): Promise<BuiltModule> {
  await checkEntry(folder);
  const { bytes, sourceMap } = await compileFolder(folder);
  const cases = await readFile(folder.casesFile).catch(() => null);
  const sourceMapFile = `${file}.map`;
  const casesFile = cases === null ? null : `${file.replace(/\.wasm$/, '')}.cases.json`;
  await mkdir(dirname(file), { recursive: true });
  if (sourceMap !== null) await writeWhole(sourceMapFile, sourceMap);
  if (cases !== null && casesFile !== null) await writeWhole(casesFile, cases);
  await writeWhole(file, bytes);
  if (await hasEditorFiles(folder)) await writeEditorFiles(folder.directory);
  return { file, bytes: bytes.length, sourceMapFile, casesFile, grants: grantsOf(bytes) };
}

/** Throws `MODULE_UNREADABLE` for a folder that holds no rule. */
export async function checkEntry({ directory }: ModuleFolder): Promise<void> {
  if (await isFile(`${directory}/${entryFile}`)) return;
  throw new WeirError('MODULE_UNREADABLE', `there is no ${entryFile} in ${directory}`, {
    details: [
      'name a folder that "weir module new" made; tests and benches take a .wasm file as well',
    ],
  });
}

function grantsOf(bytes: Uint8Array): readonly string[] {
  const imported = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  const calls = hostCalls().filter((call) =>
    imported.some(({ module, name }) => module === hostModule && name === call.name),
  );
  return [...new Set(calls.map(({ grants }) => grants.join(' or ')))].toSorted();
}

/** Only a folder made from the template names `.editor`; another's is left as it is. */
const hasEditorFiles = async ({ directory }: ModuleFolder): Promise<boolean> =>
  (await readFile(`${directory}/tsconfig.json`, 'utf8').catch(() => '')).includes('.editor/');

async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  await writeFile(beside, content);
  await rename(beside, path);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
