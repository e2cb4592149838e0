import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';
import { needsBpf } from '../support/kernel-rights.ts';

it('everything but loading works by descriptor without any capability', {
  skip: needsBpf(),
}, () => {
  const script = join(import.meta.dirname, '../support/unprivileged-shield.ts');
  const { load, full, ...rest } = JSON.parse(
    execFileSync(process.execPath, [script], { encoding: 'utf8', timeout: 30_000 }),
  );
  assert.deepEqual(rest, {
    capabilities: '0000000000000000',
    update: 'works',
    lookup: 'works',
    batch: 'works',
    entries: 'works',
    'delete batch': 'works',
    emptied: 'works',
    config: 'works',
    run: 'works',
  });
  assert.match(full, /map exact4 is full: 100 entries/);
  assert.match(load, /EPERM/);
});
