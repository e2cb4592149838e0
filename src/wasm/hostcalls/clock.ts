/**
 * `now_wall` and `now_monotonic`. Milliseconds and microseconds: a finer clock would serve nobody but who
 * measures caches.
 */
import type { HostCall } from './call-site.ts';

export const clockCalls: readonly HostCall[] = [
  {
    name: 'now_wall',
    signature: '()->i64',
    grants: ['clock'],
    bind: (call) => () => {
      call.enter();
      return BigInt(Math.floor(call.context.services.wallMs()));
    },
  },
  {
    name: 'now_monotonic',
    signature: '()->i64',
    grants: ['clock'],
    bind: (call) => () => {
      call.enter();
      return BigInt(Math.floor(call.context.services.monotonicMicros()));
    },
  },
];
