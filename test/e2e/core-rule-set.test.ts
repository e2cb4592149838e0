/**
 * The Core Rule Set's own regression tests, all of them, over the socket of an edge as it ships. What does not pass
 * stands here with the reason; a test that begins to pass has to leave this table.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { mainFile } from '../support/edge-process.ts';
import { missingShared, sharedFolder } from '../support/shared-file.ts';

const notPassing: Readonly<Record<string, string>> = {
  '920100-4': 'wants 200 to CONNECT; the edge answers 405, as it is no proxy of that kind',
  '920430-5':
    'wants no answer to a request line without a version; the edge says 400, as the disputed requests want it',
};

it('the Core Rule Set passes its regression tests, but for those of this table', {
  skip: missingShared('crs/tests'),
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-ftw-'));
  try {
    const out = join(folder, 'results.json');
    const crs = join(sharedFolder, 'crs');
    const child = spawn(
      process.execPath,
      [mainFile, 'ftw', 'run', '--rules', crs, '--tests', join(crs, 'tests'), '--out', out],
      { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    await once(child, 'close');
    t.diagnostic(said.trimEnd().split('\n').slice(-3).join('; '));
    const { results } = JSON.parse(readFileSync(out, 'utf8')) as {
      results: { name: string; outcome: string }[];
    };
    assert.ok(results.length > 2_900, String(results.length));
    const missed = results.filter(({ outcome }) => outcome !== 'pass').map(({ name }) => name);
    assert.deepEqual(missed.toSorted(), Object.keys(notPassing));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
