/** Compiling apart: what comes back from the thread, and that a compiler that takes too long is ended. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { compileApart } from '#toolchain/compile-apart.ts';
import { GuestCompileError } from '#toolchain/compile-guest.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-compile-'));
});
after(() => rm(folder, { recursive: true }));

async function compile(source: string, deadlineMs?: number): ReturnType<typeof compileApart> {
  await writeFile(join(folder, 'index.ts'), source);
  const options = { baseDirectory: folder, entry: 'index.ts', forShipping: false };
  return compileApart(options, deadlineMs);
}

const problemsOf = (source: string, deadlineMs?: number): Promise<string[]> =>
  compile(source, deadlineMs).then(
    () => [],
    (error: unknown) => {
      assert(error instanceof GuestCompileError);
      return error.problems.map(
        ({ message, place }) => `${place?.file}:${place?.line}:${place?.column} ${message}`,
      );
    },
  );

describe('compiling apart', () => {
  it('gives the module and its source map', async () => {
    const { bytes, sourceMap } = await compile('export function one(): i32 { return 1; }');
    assert(
      WebAssembly.Module.exports(new WebAssembly.Module(bytes)).some(({ name }) => name === 'one'),
    );
    assert.match(sourceMap ?? '', /"index\.ts"/);
  });

  it('gives the problems with their places', async () => {
    assert.deepEqual(await problemsOf('export function one(): i32 {\n  return two;\n}'), [
      "index.ts:2:10 Cannot find name 'two'.",
    ]);
  });

  it('ends a compiler that is not done in its time', async () => {
    // Seconds of work, as each call is put in the place of each other one.
    const slow =
      'function recurse(at: usize): usize { return load<u8>(at) == 0 ? 1 : recurse(at) + recurse(at - 1); }\n' +
      'export function go(at: usize): usize { return recurse(at); }';
    const [problem = ''] = await problemsOf(slow, 500);
    assert.match(problem, /the compiler did not end within 0\.5 s: a function that calls itself/);
  });
});
