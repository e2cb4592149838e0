/**
 * Does all it can to keep the secret of one request for another: in a global, in static memory, on the heap
 * and where the view was. `X-Secret: s3cret-…` is kept; a request without one is answered with whatever it
 * finds of secrets in its whole memory.
 */
import { equalsIgnoreCase } from '../sdk/bytes';
import { Request } from '../sdk/request';
import { block } from '../sdk/verdict';

export { weir_abi, weir_reserve } from '../sdk/module';

const secretBytes: i32 = 16;
const still = memory.data(64, 16);
let first: u64 = 0;
let heapAt: usize = 0;

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  for (let i = 0; i < request.headerCount; i++) {
    const header = request.header(i);
    if (!equalsIgnoreCase(request.nameAt(header), header.nameLength, 'x-secret')) continue;
    const at = request.valueAt(header);
    first = load<u64>(at);
    memory.copy(still, at, secretBytes);
    heapAt = heap.alloc(64);
    memory.copy(heapAt, at, secretBytes);
    return 0;
  }
  if (first != 0) return found(view, 'global', 0);
  if (heapAt != 0) return found(view, 'heap pointer', 0);
  const end = <usize>memory.size() << 16;
  for (let at: usize = 0; at + secretBytes <= end; at++) {
    // `s3cret-`
    if (load<u32>(at) == 0x72633373 && load<u16>(at, 4) == 0x7465 && load<u8>(at, 6) == 0x2d)
      return found(view, 'memory', at);
  }
  return 0;
}

function found(view: usize, where: string, at: usize): usize {
  return block(403, 'rememberer/found', 'a secret of another request', where, at, at == 0 ? 0 : secretBytes);
}
