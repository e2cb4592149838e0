/** `block_address`: puts an address on the node's block list, as `weir block add` does. Length 0: the client's. */
import { type HostCall, none } from './call-site.ts';

export const reasonBytesMax = 256;
const addressBytesMax = 64;

export const blockCalls: readonly HostCall[] = [
  {
    name: 'block_address',
    signature: '(i32,i32,i32,i32,i32)->i32',
    grants: ['block'],
    bind:
      (call) =>
      (
        address: number,
        addressLength: number,
        ttlSeconds: number,
        reason: number,
        reasonLength: number,
      ) => {
        call.enter();
        const text = call.utf8(reason, reasonLength, 'the reason', reasonBytesMax);
        const { services, module } = call.context;
        const subject = call.context.subject();
        if (addressLength === 0 && subject === null)
          throw call.failure('the client is blocked by its request, and there is none');
        const target =
          addressLength === 0 && subject !== null
            ? subject.clientAddress
            : call.text(address, addressLength, 'the address', addressBytesMax);
        // In monitor mode everything is worked out and nothing enforced.
        if (subject?.isMonitored === true) return 0;
        return services.block(module.name, target, ttlSeconds >>> 0, text) === null ? 0 : none;
      },
  },
];
