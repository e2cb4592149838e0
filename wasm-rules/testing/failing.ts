/**
 * Fails in the way the path says: `/fail/trap`, `/fail/loop`, `/fail/memory` or `/fail/stack`. Lets every
 * other request pass, marked, so that what a failure left behind would show.
 */
import { equalsIgnoreCase, startsWithIgnoreCase } from '../sdk/bytes';
import { Request } from '../sdk/request';
import { setHeader, verdict } from '../sdk/verdict';

export { weir_abi, weir_reserve } from '../sdk/module';

const pageBytes: usize = 65_536;
let depth: i32 = 0;
let calls: i32 = 0;

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  const at = request.pathAt;
  const length = request.pathLength;
  calls++;
  if (startsWithIgnoreCase(at, length, '/fail/')) {
    if (equalsIgnoreCase(at, length, '/fail/trap')) unreachable();
    if (equalsIgnoreCase(at, length, '/fail/loop')) loop();
    if (equalsIgnoreCase(at, length, '/fail/memory')) takeMemory();
    if (equalsIgnoreCase(at, length, '/fail/stack')) depth += deeper(length);
  }
  // The instance is put back after each call: a second one that was seen is a leak.
  setHeader('x-calls', calls == 1 ? '1' : 'more');
  return verdict();
}

function loop(): void {
  while (true) calls++;
}

function takeMemory(): void {
  while (true) {
    const before = memory.grow(16);
    if (before < 0) unreachable();
    for (let i: usize = 0; i < 16; i++) store<u32>((<usize>before + i) * pageBytes, 0xdead_beef);
  }
}

function deeper(value: i32): i32 {
  return value > 0 ? deeper(value + 1) + load<i32>(value & 1023) : 0;
}
