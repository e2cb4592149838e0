/**
 * The example in the README of the installed AssemblyScript SDK, to the letter: built by `asc`, and run with and
 * without a configuration. It is there wherever the tests are, so it is never skipped, and is that of whatever version
 * is installed. The README's own options do not build it, as the SDK asks for WASI's shim; those of other guests do.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { checkCase, loadCorpus } from '../../support/proxy-wasm-cases.ts';
import { compileProxyWasmGuest } from '../../support/proxy-wasm-guests.ts';

const readme = join(
  import.meta.dirname,
  '../../../node_modules/@gcoredev/proxy-wasm-sdk-as/README.md',
);

const says = (value: string) => ({
  name: `the response says hello: ${value}`,
  request: { target: '/', headers: [['Host', 'example.com']] as const },
  response: { headers: [['Content-Type', 'text/plain']] as const, body: 'out' },
  client: { headers: { hello: [value], 'content-type': ['text/plain'] }, body: 'out' },
});

const cases = [
  { when: 'without a configuration', config: {}, expected: says('world!') },
  { when: 'with one', config: { config: { text: 'reader' } }, expected: says('reader') },
];

it('the example of the SDK’s README answers as the README says', async (t) => {
  const bytes = await built(exampleIn(await readFile(readme, 'utf8')));
  for (const { when, config, expected } of cases) {
    await t.test(`${when} ${expected.name}`, () =>
      checkCase(
        loadCorpus(bytes, { ...{ guest: 'hello', cases: [], grants: [] }, ...config }),
        expected,
      ),
    );
  }
});

/** The first block of TypeScript, which has to be a whole filter. */
function exampleIn(markdown: string): string {
  const block = /^```ts\n(.*?)^```$/ms.exec(markdown)?.[1] ?? '';
  assert.ok(
    block.includes('registerRootContext('),
    `${readme} has no block of TypeScript that registers a filter: the SDK's README has changed, and this test with it`,
  );
  return block;
}

async function built(source: string): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-readme-'));
  try {
    const path = join(folder, 'index.ts');
    await writeFile(path, source);
    return await compileProxyWasmGuest(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}
