/** Memory of the kernel in this process: no call to read or write it. Needs no rights, only the descriptor. */
import { errnoName, KernelError, nativeCalls } from './bpf-call.ts';

const MAP_SHARED = 1;
const protections = { read: 1, write: 3 } as const;

/** The mapping lasts as long as the process. */
export function mapShared(
  fd: number,
  bytes: number,
  what: { readonly for: keyof typeof protections; readonly offset?: number; readonly name: string },
): ArrayBuffer {
  const calls = nativeCalls();
  const at = calls.mmap(null, bytes, protections[what.for], MAP_SHARED, fd, what.offset ?? 0);
  if (at === null || BigInt.asIntN(64, at as bigint) === -1n) {
    const name = errnoName(calls.errno());
    throw new KernelError('KERNEL_CALL_FAILED', `mmap of ${what.name}: ${name}`, name);
  }
  return calls.view(at, bytes);
}
