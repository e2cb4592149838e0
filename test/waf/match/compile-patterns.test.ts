/** Compiling in a thread, and what is kept of it on disk. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compilePattern } from '#waf/match/compile-pattern.ts';
import { compilePatterns } from '#waf/match/compile-patterns.ts';
import { PatternCache } from '#waf/match/pattern-cache.ts';
import { parsePattern } from '#waf/match/pattern-parser.ts';

const sources = ['(?i)foo|bar', 'foo', '^[a-f]+$', '(?i)(?:a|b)[ab]{24}c', 'a*', 'a(?=b)', 'foo'];

function directly(source: string): unknown {
  const pattern = parsePattern(source);
  return 'problem' in pattern ? pattern : compilePattern(pattern);
}

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'weir-patterns-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test('a thread compiles what one call compiles, with progress, problems included', async () => {
  const steps: string[] = [];
  const outcomes = await compilePatterns(sources, {
    cacheFolder: null,
    onProgress: (done, total) => steps.push(`${done}/${total}`),
  });
  assert.deepEqual(steps, ['1/6', '2/6', '3/6', '4/6', '5/6', '6/6']);
  for (const source of sources) assert.deepEqual(outcomes.get(source), directly(source), source);
});

test('what was compiled once is read from the cache, byte for byte', async () => {
  await using cache = await folder();
  const first = await compilePatterns(sources, { cacheFolder: cache.path });
  let fromCache = 0;
  const second = await compilePatterns(sources, {
    cacheFolder: cache.path,
    onProgress: (_done, _total, was) => {
      if (was) fromCache++;
    },
  });
  assert.equal(fromCache, 5, 'a problem is not kept');
  assert.deepEqual(second, first);
  assert.equal((await readdir(cache.path)).length, 5);
});

test('a damaged file counts as absent', async () => {
  await using cache = await folder();
  await compilePatterns(['(?i)foo|bar'], { cacheFolder: cache.path });
  const [name = ''] = await readdir(cache.path);
  const bytes = await readFile(join(cache.path, name));
  for (const damaged of [
    bytes.subarray(0, -1),
    Buffer.concat([bytes, Buffer.of(0)]),
    bytes.with(bytes.length - 3, 0xff),
    Buffer.from('no JSON\n'),
    Buffer.alloc(0),
  ]) {
    await writeFile(join(cache.path, name), damaged);
    assert.equal(new PatternCache(cache.path).read('(?i)foo|bar'), null);
  }
  await writeFile(join(cache.path, name), bytes);
  assert.deepEqual(new PatternCache(cache.path).read('(?i)foo|bar'), directly('(?i)foo|bar'));
});

test('compiling ends when it is called off, and says where a cache cannot be', async () => {
  const signal = AbortSignal.abort(new Error('called off'));
  await assert.rejects(compilePatterns(['a'], { cacheFolder: null, signal }), /called off/);
  await assert.rejects(
    compilePatterns(['a'], { cacheFolder: join(import.meta.filename, 'x') }),
    /ENOTDIR|EEXIST/,
  );
});
