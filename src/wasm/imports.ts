/**
 * What a rule module may import: `env.abort`, which AssemblyScript calls when a program gives up. The
 * host turns it into a failure with the place in the source; a module without it is as welcome.
 */
import { GuestFailure } from './guest-failure.ts';

export const abortImport = { module: 'env', name: 'abort' } as const;

/** Longest text of an abort that is kept, in UTF-16 units. */
const abortTextMax = 200;

/** `memory` is asked for only when something aborts: in a start function it may not exist yet. */
export function guestImports(
  memory: () => WebAssembly.Memory | null,
): Record<string, Record<string, unknown>> {
  const abort = (message: number, file: number, line: number, column: number): never => {
    const text = readString(memory(), message) ?? 'the module aborted';
    const name = readString(memory(), file);
    const where = `${line >>> 0}:${column >>> 0}`;
    throw new GuestFailure('abort', text, name === null ? where : `${name}:${where}`);
  };
  return { [abortImport.module]: { [abortImport.name]: abort } };
}

/** An AssemblyScript string: UTF-16, its length in bytes in the word before it. Null for what is none. */
function readString(memory: WebAssembly.Memory | null, pointer: number): string | null {
  const at = pointer >>> 0;
  if (memory === null || at < 4 || at > memory.buffer.byteLength) return null;
  const bytes = new DataView(memory.buffer);
  const length = Math.min(bytes.getUint32(at - 4, true) >>> 1, abortTextMax);
  if (at + length * 2 > memory.buffer.byteLength) return null;
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes.getUint16(at + i * 2, true));
  return text;
}
