/** The guide to filters of Envoy, run as it stands: its filter compiled, its configuration started. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hostCallGrants } from '#wasm/proxy-wasm/host-call-grants.ts';
import { inTurn } from '../support/console-blocks.ts';
import { RunningGuide, readPage } from '../support/guide-pages.ts';
import { needs } from '../support/needs.ts';
import { compileProxyWasmGuest } from '../support/proxy-wasm-guests.ts';

const { text, guides } = readPage('docs/guide/envoy-filters.md');
const [guide] = guides;
const source = /```ts\n([\s\S]*?)```/.exec(text)?.[1] ?? '';

describe('the guide to filters of Envoy', { skip: needs('curl') }, () => {
  let folder: string;
  let running: RunningGuide;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-filter-'));
    writeFileSync(join(folder, 'key.ts'), source);
    const module = join(folder, 'key.wasm');
    writeFileSync(module, await compileProxyWasmGuest(join(folder, 'key.ts')));
    running = await RunningGuide.start((guide?.yaml ?? '').replace('key.wasm', module));
  });
  after(async () => {
    await running[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  it('has examples', () => assert.equal(guide?.examples.length, 2));

  const run = (command: string): Promise<string> => running.run(command);
  for (const { command, expected, printed } of inTurn(guide?.examples ?? [], run))
    it(`prints what it says: ${command}`, async () => assert.match(await printed(), expected));
});

it('every host call stands in the table, with its grant', () => {
  const table = text.slice(
    text.indexOf('## Host calls'),
    text.indexOf('## What a filter cannot do'),
  );
  const rows = table.split('\n').filter((row) => row.startsWith('| `'));
  for (const [name, grant] of Object.entries(hostCallGrants)) {
    const row = rows.find((line) => line.includes(`\`${name}\``));
    assert.ok(row !== undefined, name);
    const granted = row.split(' | ')[1] ?? '';
    if (grant !== null) assert.ok(granted.includes(`\`${grant}\``), name);
    else assert.ok(!granted.startsWith('`') || granted.includes('for the first'), name);
  }
});
