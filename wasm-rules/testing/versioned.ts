/**
 * Stamps its version on the request that goes to the upstream and on the response to the client. A test
 * writes another version over the bytes of this one in the binary (`test/support/versioned-module.ts`).
 */
import { Request } from '../sdk/request';
import { setHeaderBytes, verdict } from '../sdk/verdict';

export { weir_abi, weir_reserve } from '../sdk/module';

/** `version:00000000`. */
const version = memory.data<u8>([
  0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e, 0x3a, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30,
]);

export function weir_request_head(view: usize): usize {
  if (changetype<Request>(view).pathLength > 0) setHeaderBytes('x-request-version', version, 16);
  return verdict();
}

export function weir_response_head(view: usize): usize {
  if (view != 0) setHeaderBytes('x-response-version', version, 16);
  return verdict();
}
