/** What is kept of compiled patterns on disk. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CompiledPattern, compilePattern } from '#waf/match/compile-pattern.ts';
import { cachedPatternsMax, PatternCache } from '#waf/match/pattern-cache.ts';
import { parsePattern } from '#waf/match/pattern-parser.ts';
import { CompiledMatchers } from '#waf/rules/compiled-matchers.ts';

const sources = ['(?i)foo|bar', 'foo', '^[a-f]+$', '(?i)(?:a|b)[ab]{24}c', 'a*'];

function compiled(source: string): CompiledPattern {
  const pattern = parsePattern(source);
  assert.ok('node' in pattern);
  const answer = compilePattern(pattern);
  assert.ok('bytes' in answer);
  return answer;
}

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'weir-patterns-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test('what is written is read again, byte for byte, and nothing else is', async () => {
  await using at = await folder();
  const cache = new PatternCache(at.path);
  for (const source of sources) {
    assert.equal(cache.read(source), null);
    cache.write(source, compiled(source));
  }
  for (const source of sources)
    assert.deepEqual(new PatternCache(at.path).read(source), compiled(source), source);
  assert.equal(cache.read('(?i)foo|baz'), null);
});

test('matchers of a rule set find there what another rule set had', async () => {
  await using at = await folder();
  const first = new CompiledMatchers(new PatternCache(at.path));
  for (const source of [...sources, 'a(?=b)']) first.pattern(source);
  assert.equal((await readdir(at.path)).length, sources.length, 'a refusal is not kept');
  const second = new CompiledMatchers(new PatternCache(at.path));
  for (const source of sources) assert.deepEqual(second.pattern(source), first.pattern(source));
});

test('a damaged file counts as absent', async () => {
  await using at = await folder();
  const cache = new PatternCache(at.path);
  cache.write('(?i)foo|bar', compiled('(?i)foo|bar'));
  const [name = ''] = await readdir(at.path);
  const path = join(at.path, name);
  const bytes = await readFile(path);
  for (const damaged of [
    bytes.subarray(0, -1),
    Buffer.concat([bytes, Buffer.of(0)]),
    bytes.with(bytes.length - 3, 0xff),
    Buffer.from('no JSON\n'),
    Buffer.alloc(0),
  ]) {
    await writeFile(path, damaged);
    assert.equal(cache.read('(?i)foo|bar'), null);
  }
  await writeFile(path, bytes);
  assert.deepEqual(cache.read('(?i)foo|bar'), compiled('(?i)foo|bar'));
});

test('a folder with too many files loses the oldest', async () => {
  await using at = await folder();
  for (let i = 0; i <= cachedPatternsMax; i++) await writeFile(join(at.path, `${i}.pattern`), '');
  new PatternCache(at.path);
  assert.equal((await readdir(at.path)).length, cachedPatternsMax / 2);
});

test('a folder that is gone loses what is kept and no more', async () => {
  const at = await folder();
  const cache = new PatternCache(at.path);
  await at[Symbol.asyncDispose]();
  assert.equal(cache.write('foo', compiled('foo')), false);
  assert.equal(cache.read('foo'), null);
  assert.throws(() => new PatternCache(join(import.meta.filename, 'x')), /ENOTDIR|EEXIST/);
});
