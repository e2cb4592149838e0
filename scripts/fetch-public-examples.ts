/**
 * Gets the public examples of the AssemblyScript SDK for proxy-wasm that `test/corpus/proxy-wasm-public/` has cases
 * for into `build/public-examples/`: from the network, at the commits named there, or with `--from FOLDER` from a
 * checkout of their repository. One whose bytes are not those that the cases were written for is refused and not
 * written; the others are. Their text is not ours and stays out of this tree: `build/` is not in git.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { type PublicCorpus, publicCorpus } from '../test/support/proxy-wasm-cases.ts';

const repository = 'https://raw.githubusercontent.com/G-Core/proxy-wasm-sdk-as';
const timeoutMs = 30_000;

type Example = Pick<PublicCorpus, 'guest' | 'origin'>;
type Origin = Example['origin'];

/** Throws where there is none. */
export type ExampleSource = {
  readonly place: (origin: Origin) => string;
  readonly read: (place: string) => Promise<Uint8Array>;
};

const examplesFolder = join(import.meta.dirname, '../build/public-examples');

export const examplePath = (name: string, folder: string = examplesFolder): string =>
  join(folder, `${name}.ts`);

export const fromNetwork: ExampleSource = {
  place: ({ commit, path }) => `${repository}/${commit}/${path}`,
  async read(url) {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Error(`${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  },
};

/** Of its history where it has one: the examples are not all of one commit. */
export function fromCheckout(checkout: string): ExampleSource {
  if (!existsSync(join(checkout, '.git')))
    return { place: ({ path }) => join(checkout, path), read: (path) => readFile(path) };
  const git = promisify(execFile);
  return {
    place: ({ commit, path }) => `${commit}:${path}`,
    async read(place) {
      const { stdout } = await git('git', ['-C', checkout, 'show', place], { encoding: 'buffer' });
      return stdout;
    },
  };
}

/** Why examples were refused, a line each; what was not refused is in the folder. */
export async function getExamples(
  examples: readonly Example[],
  source: ExampleSource,
  folder: string = examplesFolder,
): Promise<readonly string[]> {
  const refused: string[] = [];
  for (const { guest, origin } of examples) {
    const place = source.place(origin);
    let bytes: Uint8Array;
    try {
      bytes = await source.read(place);
    } catch (error) {
      refused.push(`${place}: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (hash !== origin.sha256) {
      refused.push(
        `${place}: has the hash ${hash}, and ${origin.sha256} was expected, as of commit ${origin.commit}`,
      );
      continue;
    }
    const path = examplePath(guest, folder);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    console.log(`${guest}: ${bytes.length} bytes`);
  }
  return refused;
}

if (import.meta.main) {
  const { from } = parseArgs({ options: { from: { type: 'string' } } }).values;
  const source = from === undefined ? fromNetwork : fromCheckout(from);
  const refused = await getExamples(publicCorpus(), source);
  for (const line of refused) process.stderr.write(`${line}\n`);
  if (refused.length > 0) process.exitCode = 1;
}
