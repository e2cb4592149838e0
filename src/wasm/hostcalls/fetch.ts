/**
 * `fetch`: asks for a document under a URL the module was granted. It does not wait: the body of the
 * answer becomes the worker's value under the key, for `ttlMs`, and a later call finds it with `kv_get`.
 * Without the grant kv:worker a module has nothing of it, so both are wanted.
 */
import { GuestFailure } from '../guest-failure.ts';
import { type HostCall, none } from './call-site.ts';
import { keyBytesMax } from './key-value.ts';

export const urlBytesMax = 2_048;
/** Less would ask again with nearly each request. */
export const fetchTtlMsMin = 1_000;

const answers = { started: 0, fresh: 1, refused: none } as const;

export const fetchCalls: readonly HostCall[] = [
  {
    name: 'fetch',
    signature: '(i32,i32,i32,i32,i32)->i32',
    grants: ['fetch'],
    bind:
      (call) => (url: number, urlLength: number, key: number, keyLength: number, ttlMs: number) => {
        call.enter();
        const { services, module } = call.context;
        if (!module.grants.includes('kv:worker'))
          throw new GuestFailure(
            'denied',
            'weir.fetch leaves its answer in the values of the worker: add kv:worker to the grants of the module',
          );
        if (keyLength >>> 0 === 0 || keyLength >>> 0 > keyBytesMax || urlLength >>> 0 > urlBytesMax)
          return none;
        const grant = { module: module.name, prefixes: module.fetch };
        const ttl = Math.max(ttlMs >>> 0, fetchTtlMsMin);
        return answers[
          services.fetcher.fetch(
            grant,
            call.text(url, urlLength, 'the URL'),
            call.text(key, keyLength, 'the key'),
            ttl,
          )
        ];
      },
  },
];
