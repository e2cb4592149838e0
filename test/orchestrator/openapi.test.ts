/** The OpenAPI document of the orchestrator, as a validator of the specification reads it that is not ours. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { wants } from '../support/needs.ts';
import { startTestOrchestrator } from '../support/orchestrator.ts';

const validator = 'openapi-spec-validator';

describe('the OpenAPI document', { skip: wants(validator) }, () => {
  it('is valid by version 3.1 of the specification', async () => {
    await using orchestrator = await startTestOrchestrator();
    const { body } = await orchestrator.call('GET', '/api/v1/openapi.json');
    const folder = mkdtempSync(join(tmpdir(), 'weir-openapi-'));
    const file = join(folder, 'openapi.json');
    const check = (document: unknown) => {
      writeFileSync(file, JSON.stringify(document));
      return execFileSync(validator, ['--schema', '3.1', file], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    };
    assert.match(check(body), /OK/);
    // It would say so.
    assert.throws(() => check({ ...body, paths: { '/x': { get: { responses: 3 } } } }));
    rmSync(folder, { recursive: true, force: true });
  });
});
