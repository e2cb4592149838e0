/** Finding a module's bytes, and saying what to do when they cannot be had. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { WeirError } from '#core/errors.ts';
import { moduleBytesMax } from '#core/module-files.ts';
import { readModuleSource } from '#wasm/module-source.ts';
import { buildRules } from '../../scripts/build-rules.ts';

let folder: string;

before(async () => {
  await buildRules();
  folder = await mkdtemp(join(tmpdir(), 'weir-module-'));
  await writeFile(join(folder, 'own.wasm'), 'own bytes');
  await writeFile(join(folder, 'full.wasm'), '');
  await truncate(join(folder, 'full.wasm'), moduleBytesMax);
  await writeFile(join(folder, 'large.wasm'), '');
  await truncate(join(folder, 'large.wasm'), moduleBytesMax + 1);
});

after(() => rm(folder, { recursive: true }));

const read = (module: string) => readModuleSource(module, folder);

describe('a module source', () => {
  it('is a shipped module by its name', async () => {
    const { source, path, bytes, sha256 } = await read('builtin:bad-bot');
    assert.equal(source, 'builtin:bad-bot');
    assert.match(path, /build\/rules\/bad-bot\.wasm$/);
    assert.deepEqual([...bytes.subarray(0, 4)], [0x00, 0x61, 0x73, 0x6d]);
    assert.equal(sha256, createHash('sha256').update(bytes).digest('hex'));
  });

  it('is a file beside the configuration, or anywhere', async () => {
    for (const source of ['own.wasm', './own.wasm', join(folder, 'own.wasm')]) {
      const { path, bytes } = await read(source);
      assert.equal(path, join(folder, 'own.wasm'));
      assert.equal(Buffer.from(bytes).toString(), 'own bytes');
    }
  });

  it('may be as long as the bound', async () => {
    assert.equal((await read('full.wasm')).bytes.length, moduleBytesMax);
  });

  const faults: readonly (readonly [string, string, RegExp])[] = [
    [
      'an unknown shipped module',
      'builtin:bad-boy',
      /no rule module builtin:bad-boy: there are .*builtin:bad-bot, .*builtin:path-traversal/,
    ],
    ['a shipped name that leads out', 'builtin:../rules/bad-bot', /no rule module/],
    ['a missing file', 'none.wasm', /none\.wasm cannot be read: check that/],
    ['a folder', '.', /cannot be read/],
    ['a file above the bound', 'large.wasm', /16777217 bytes: at most 16777216 are allowed/],
  ];
  for (const [name, source, message] of faults) {
    it(`that is ${name} is refused with what to do`, async () => {
      await assert.rejects(read(source), (error: unknown) => {
        assert(error instanceof WeirError && error.code === 'MODULE_UNREADABLE', String(error));
        assert.match(error.message, message);
        return true;
      });
    });
  }
});
