/** Keys that take one of some words have these words as their type: a type of nothing would let any slip compile. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { OrchestratorConfig } from '#config/orchestrator-schema.ts';
import type { Config } from '#config/schema.ts';

type IsNothing<T> = [T] extends [never] ? true : false;

it('words of the schema are types', () => {
  const found: readonly [
    IsNothing<Config['log']['level']>,
    IsNothing<Config['kernel']['xdp']>,
    IsNothing<Config['waf']['rules'][string]['grants'][number]>,
    IsNothing<OrchestratorConfig['log']['level']>,
  ] = [false, false, false, false];
  assert.equal(found.length, 4);
});
