/**
 * `kv_get`, `kv_set`, `kv_delete` and `count`: the only things of a module that outlive a call.
 *
 * | scope | seen by | kept in |
 * | --- | --- | --- |
 * | 0 request | later phases of the same request, same module | the transaction |
 * | | later packets of the same flow | `packet-flows.ts` |
 * | 1 worker | requests of this worker | `services/value-store.ts` |
 * | 2 node | requests of all workers of the node | the same, kept in step |
 * | 3 fleet | requests of all nodes of the fleet, `count` alone | `#fleet/fleet-counters.ts` |
 *
 * Each scope is a grant of its own. The scope is an argument, so it is looked at in the call.
 */
import { GuestFailure } from '../guest-failure.ts';
import type { SharedValues } from '../host-services.ts';
import { type CallSite, type CallSubject, type HostCall, none } from './call-site.ts';

export const keyBytesMax = 256;
export const valueBytesMax = 65_536;
/** A day. */
export const windowMsMax = 86_400_000;

const scopeNames = ['request', 'worker', 'node', 'fleet'] as const;
const kvGrants = scopeNames.map((name) => `kv:${name}`);

export const keyValueCalls: readonly HostCall[] = [
  {
    name: 'kv_get',
    signature: '(i32,i32,i32,i32,i32)->i32',
    grants: kvGrants,
    bind: (call) => (scope: number, key: number, keyLength: number, into: number, max: number) => {
      call.enter();
      call.checkRoom(into, max >>> 0);
      const name = keyOf(call, scope, key, keyLength);
      if (name === null) return none;
      const value =
        scope === 0 ? noted(call).note(ownKey(call, name)) : shared(call, scope).get(name);
      return value === undefined ? none : call.give(value, into, max);
    },
  },
  {
    name: 'kv_set',
    signature: '(i32,i32,i32,i32,i32,i32)->i32',
    grants: kvGrants,
    bind:
      (call) =>
      (
        scope: number,
        key: number,
        keyLength: number,
        value: number,
        valueLength: number,
        ttlMs: number,
      ) => {
        call.enter();
        const name = keyOf(call, scope, key, keyLength);
        if (name === null || valueLength >>> 0 > valueBytesMax) return none;
        const copy = call.copy(value, valueLength, 'the value');
        const isSet =
          scope === 0
            ? noted(call).setNote(ownKey(call, name), copy)
            : shared(call, scope).set(name, copy, ttlMs >>> 0);
        return isSet ? 0 : none;
      },
  },
  {
    name: 'kv_delete',
    signature: '(i32,i32,i32)->i32',
    grants: kvGrants,
    bind: (call) => (scope: number, key: number, keyLength: number) => {
      call.enter();
      const name = keyOf(call, scope, key, keyLength);
      if (name === null) return none;
      const isGone =
        scope === 0 ? noted(call).deleteNote(ownKey(call, name)) : shared(call, scope).delete(name);
      return isGone ? 0 : none;
    },
  },
  {
    name: 'count',
    signature: '(i32,i32,i32,i32,i32)->i64',
    grants: kvGrants,
    bind:
      (call) =>
      (scope: number, key: number, keyLength: number, delta: number, windowMs: number) => {
        call.enter();
        if (scope === 0)
          throw call.failure(
            'scope 0 (request) has no counts: use 1 (worker), 2 (node) or 3 (fleet)',
          );
        if (windowMs < 1 || windowMs > windowMsMax)
          throw call.failure(`a window of ${windowMs} ms is not between 1 and ${windowMsMax}`);
        const name = keyOf(call, scope, key, keyLength);
        if (name === null)
          throw call.failure(
            `a key of ${keyLength >>> 0} bytes is not between 1 and ${keyBytesMax}`,
          );
        if (scope === 3 && delta < 0)
          throw call.failure('scope 3 (fleet) only counts up: a delta of 0 or more');
        return BigInt(shared(call, scope).count(name, delta, windowMs));
      },
  },
];

/** Null for a key that nothing can lie under: empty or too long. Fails where the scope is not granted. */
function keyOf(call: CallSite, scope: number, at: number, length: number): string | null {
  const name = scopeNames[scope];
  if (name === undefined) throw call.failure(`scope ${scope} is not 0 to 3`);
  const grant = kvGrants[scope] ?? '';
  if (!call.context.module.grants.includes(grant)) {
    const fix = `add ${grant} to the grants of the module`;
    throw new GuestFailure('denied', `weir.${call.name} in scope ${scope} (${name}): ${fix}`);
  }
  if (name === 'fleet' && call.name !== 'count')
    throw call.failure('scope 3 (fleet) has counts and limits, and no values: use scope 2 (node)');
  if (length >>> 0 === 0 || length >>> 0 > keyBytesMax) return null;
  return call.text(at, length, 'the key');
}

/** Notes of all modules of a request lie together. */
const ownKey = (call: CallSite, key: string): string => `${call.context.module.name}\0${key}`;

function noted(call: CallSite): CallSubject {
  const subject = call.context.subject();
  if (subject === null) throw call.failure('scope 0 (request) needs a request, and there is none');
  return subject;
}

const sharedScopes = ['worker', 'node', 'fleet'] as const;

const shared = (call: CallSite, scope: number): SharedValues =>
  call.context.services.values(sharedScopes[scope - 1] ?? 'node', call.context.module.name);
