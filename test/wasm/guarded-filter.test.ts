/** What takes a module out of service: failures of its own that keep coming, and nothing a request brings. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { failuresMax } from '#wasm/failure-window.ts';
import type { Filter } from '#wasm/filter.ts';
import { guardFilter } from '#wasm/guarded-filter.ts';
import { GuestFailure, type GuestFailureKind } from '#wasm/guest-failure.ts';
import { allow, inspectHead, stubFilter } from '../support/filters.ts';
import { viewOf } from '../support/view.ts';

const view = viewOf({ target: '/' });
const facts = { clientAddress: '192.0.2.1', tls: false };

/** A filter that reports a failure of this kind with each request, and the guard around it. */
function failing(kind: GuestFailureKind): { readonly filter: Filter; readonly reports: boolean[] } {
  const reports: boolean[] = [];
  const source = { name: 'm', sha256: '', failure: 'closed', off: null } as const;
  const filter = guardFilter(
    source,
    (report) =>
      stubFilter('m', () => {
        report('it failed', new GuestFailure(kind, 'it failed'));
        return allow;
      }),
    (_message, _kind, isQuarantine) => reports.push(isQuarantine),
  );
  return { filter, reports };
}

it('a module that keeps failing is off, once', () => {
  const { filter, reports } = failing('trap');
  for (let i = 0; i < failuresMax; i++) inspectHead(filter, view, facts);
  assert.deepEqual(reports.filter(Boolean), [true]);
  assert.equal(inspectHead(filter, view, facts).kind, 'block');
  assert.equal(reports.length, failuresMax);
});

it('a module is not off for what requests need and the host does not hold', () => {
  const { filter, reports } = failing('capacity');
  for (let i = 0; i < failuresMax * 3; i++)
    assert.equal(inspectHead(filter, view, facts).kind, 'allow');
  assert.deepEqual(reports.filter(Boolean), []);
  assert.equal(reports.length, failuresMax * 3);
});
