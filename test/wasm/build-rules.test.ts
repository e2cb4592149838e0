/** Building rule modules: once, whole, and with the compiler's own words when it fails. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { GuestCompileError } from '#toolchain/compile-guest.ts';
import { buildRules } from '../../scripts/build-rules.ts';

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-build-'));
});

after(() => rm(folder, { recursive: true }));

describe('building rules', () => {
  it('compiles what is new, damaged or changed, and nothing else', async () => {
    const source = join(folder, 'own.ts');
    const outDirectory = join(folder, 'out');
    await writeFile(source, 'export function weir_abi(): i32 { return 1; }');
    const lines: string[] = [];
    const build = async () =>
      (await buildRules({ sources: [source], outDirectory, log: (line) => lines.push(line) }))[0] ??
      assert.fail('nothing built');

    const first = await build();
    assert.deepEqual([first.name, first.compiled], ['own', true]);
    const bytes = await readFile(first.path);
    assert.equal(bytes.length, first.bytes);
    assert.equal((await build()).compiled, false);

    await writeFile(first.path, bytes.subarray(0, 10));
    assert.equal((await build()).compiled, true);
    assert.deepEqual(await readFile(first.path), bytes);

    await writeFile(source, 'export function weir_abi(): i32 { return 2; }');
    assert.equal((await build()).compiled, true);
    assert.notDeepEqual(await readFile(first.path), bytes);

    assert.match(lines[0] ?? '', /^own: compiled, \d+ bytes, \d+ ms$/);
    assert.match(lines[1] ?? '', /^own: up to date, \d+ bytes$/);
    assert.deepEqual((await readdir(outDirectory)).toSorted(), ['own.stamp', 'own.wasm']);
  });

  it('says where the source is wrong and leaves no module', async () => {
    const source = join(folder, 'wrong.ts');
    const outDirectory = join(folder, 'none');
    await writeFile(source, 'export function weir_abi(): i32 { return "one"; }');
    await assert.rejects(buildRules({ sources: [source], outDirectory }), (error: unknown) => {
      assert(error instanceof GuestCompileError);
      assert.match(error.message, /wrong\.ts: ERROR .*not assignable/s);
      return true;
    });
    assert.deepEqual(await readdir(outDirectory), []);
  });
});
