/**
 * A rule author's folder: what lies where in it, and making a new one from the template.
 *
 * ```
 * my-rule/
 *   index.ts  cases.json  README.md       the author's
 *   tsconfig.json  .editor/               so that editors know the SDK; .editor names places of this machine
 *   build/                                my-rule.wasm, its source map, its cases
 * ```
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { casesJsonSchema } from '#wasm/cases/cases-json-schema.ts';
import { sdkDirectory } from './compile-guest.ts';

export type ModuleFolder = {
  readonly directory: string;
  /** The folder's name, which is the module's. */
  readonly name: string;
  readonly casesFile: string;
  readonly wasmFile: string;
};

export const entryFile = 'index.ts';

export function moduleFolder(directory: string): ModuleFolder {
  const path = resolve(directory);
  const name = basename(path);
  return {
    directory: path,
    name,
    casesFile: join(path, 'cases.json'),
    wasmFile: join(path, 'build', `${name}.wasm`),
  };
}

const templateDirectory = fileURLToPath(new URL('../../wasm-rules/template', import.meta.url));
/** What the template calls itself. */
const templateName = 'my-rule';

/** The folder must not hold anything yet. Returns the files written, in the order to read them. */
export async function createModuleFolder(name: string, directory: string): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const files = (await readdir(templateDirectory)).toSorted();
  for (const file of files) {
    const text = await readFile(join(templateDirectory, file), 'utf8');
    const path = join(directory, file === 'gitignore' ? '.gitignore' : file);
    await writeFile(path, text.replaceAll(templateName, name), { flag: 'wx' });
  }
  await writeEditorFiles(directory);
  return ['index.ts', 'cases.json', 'README.md'];
}

/** Where this machine has the SDK and the compiler's types; written anew with each build. */
export async function writeEditorFiles(directory: string): Promise<void> {
  const folder = join(directory, '.editor');
  await mkdir(folder, { recursive: true });
  await writeJson(join(folder, 'tsconfig.json'), editorOptions());
  await writeJson(join(folder, 'cases.schema.json'), casesJsonSchema());
}

function editorOptions(): object {
  const compiler = dirname(createRequire(import.meta.url).resolve('assemblyscript/package.json'));
  const standard = join(compiler, 'std');
  return {
    compilerOptions: {
      target: 'esnext',
      module: 'esnext',
      moduleResolution: 'bundler',
      // The language has a library of its own, which takes the place of JavaScript's.
      noLib: true,
      noEmit: true,
      skipLibCheck: true,
      strict: true,
      strictPropertyInitialization: false,
      experimentalDecorators: true,
      typeRoots: [join(standard, 'types')],
      types: ['assembly'],
      paths: { 'weir/*': [join(sdkDirectory, '*')], '*': [join(standard, 'assembly', '*')] },
    },
  };
}

const writeJson = (file: string, value: object): Promise<void> =>
  writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
