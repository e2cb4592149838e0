/** The SDK's host calls: each reaches the host with the type it has there, and its answer comes back. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import type { CaseModule } from '#wasm/cases/run-cases.ts';
import { hostCalls } from '#wasm/hostcalls/host-calls.ts';
import { caseModule, problemsOf, resultsOf } from '../support/case-run.ts';
import { buildTestGuest } from '../support/guests.ts';

let module: CaseModule;
before(async () => {
  const fetch = ['https://a.example/'];
  module = { ...caseModule(await buildTestGuest('sdk-host-probe')), fetch };
});

const hash = createHash('sha256').update('/sha256').digest();

describe('the host calls of the SDK', () => {
  for (const [target, logged] of [
    ['/metrics', 'info: true true'],
    ['/property', 'info: * /'],
    ['/property-too-long', 'info: -'],
    ['/clock', 'info: 5000 0'],
    ['/regex-x12y', 'info: 3 0 1'],
    ['/sha256', `info: 32 ${hash[0]} ${hash[31]}`],
    ['/signature', 'info: -1'],
    ['/values', 'info: /va /val true false true 5 2'],
    ['/fetch', 'info: 0'],
    ['/block', 'info: true'],
    ['/log', 'warn: /log'],
  ] as const) {
    it(`answer: ${target}`, () => {
      const file = { now: 5_000, cases: [{ name: target, request: { target }, log: [logged] }] };
      assert.deepEqual(problemsOf(module, file), []);
    });
  }

  it('are all there, and need their grants', () => {
    const imported = WebAssembly.Module.imports(new WebAssembly.Module(module.bytes))
      .filter((item) => item.module === 'weir')
      .map(({ name }) => name);
    const tried = [...imported, 'lookup'].toSorted();
    assert.deepEqual(
      hostCalls()
        .map(({ name }) => name)
        .toSorted(),
      tried,
      'lookup is tried in cases/run-cases.test.ts',
    );
    const file = { cases: [{ name: 'a', request: {} }] };
    const [refused] = resultsOf({ ...module, grants: [] }, file);
    assert.match(
      refused?.failures[0] ?? '',
      /imports weir\.[a-z_]+, .*needs a grant: add grants: /,
    );
  });
});
