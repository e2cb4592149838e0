/**
 * bpf(2) through koffi: one call, its errors by name, and buffers whose addresses stay where they are.
 *
 * V8 keeps small typed arrays on a heap that moves, so an address may only be taken of a buffer made here
 * (`stableBuffer`), and whoever puts one into an attribute keeps the buffer referenced until the call is
 * over. Attributes are zero-filled and little-endian, as both architectures are.
 */
import { endianness } from 'node:os';
import { type ErrorCode, WeirError } from '#core/errors.ts';
import { loadNative } from '#core/native.ts';

export const bpfCommands = {
  MAP_CREATE: 0,
  MAP_LOOKUP_ELEM: 1,
  MAP_UPDATE_ELEM: 2,
  MAP_DELETE_ELEM: 3,
  MAP_GET_NEXT_KEY: 4,
  PROG_LOAD: 5,
  PROG_TEST_RUN: 10,
  PROG_GET_FD_BY_ID: 13,
  OBJ_GET_INFO_BY_FD: 15,
  MAP_LOOKUP_BATCH: 24,
  MAP_UPDATE_BATCH: 26,
  MAP_DELETE_BATCH: 27,
  LINK_CREATE: 28,
  LINK_UPDATE: 29,
  LINK_GET_FD_BY_ID: 30,
  LINK_GET_NEXT_ID: 31,
} as const;

export type BpfCommand = keyof typeof bpfCommands;

/** A system call that failed, with the name of its errno to decide by. */
export class KernelError extends WeirError {
  readonly errno: string;

  constructor(
    code: ErrorCode,
    message: string,
    errno: string,
    options: { cause?: unknown; details?: readonly string[] } = {},
  ) {
    super(code, message, options);
    this.errno = errno;
  }
}

type Calls = {
  syscall(number: number, command: number, attribute: Uint8Array, bytes: number): number | bigint;
  mmap(
    at: null,
    bytes: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ): unknown;
  munmap(at: unknown, bytes: number): number;
  close(fd: number): number;
  address(buffer: Uint8Array): bigint;
  view(pointer: unknown, bytes: number): ArrayBuffer;
  pageBytes(): number;
  /** Until the result is called. */
  watch(fd: number, onReadable: () => void): () => void;
  errno(): number;
  errnoNames: ReadonlyMap<number, string>;
  bpf: number;
};

const syscallNumbers: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };
const stableBytesMin = 128;

let loaded: Calls | null = null;

/** Throws KERNEL_UNAVAILABLE with the reason. */
export function nativeCalls(): Calls {
  loaded ??= load();
  return loaded;
}

function load(): Calls {
  const native = loadNative();
  if (typeof native === 'string') throw new WeirError('KERNEL_UNAVAILABLE', `bpf ${native}`);
  const number = syscallNumbers[process.arch];
  if (number === undefined || endianness() !== 'LE')
    throw new WeirError('KERNEL_UNAVAILABLE', `bpf is not known on ${process.arch}`);
  const { koffi, library } = native;
  return {
    syscall: library.func('long syscall(long, int, void *, uint32_t)') as Calls['syscall'],
    mmap: library.func('void *mmap(void *, size_t, int, int, int, long)') as Calls['mmap'],
    munmap: library.func('int munmap(void *, size_t)') as Calls['munmap'],
    close: library.func('int close(int)') as Calls['close'],
    address: (buffer) => BigInt(koffi.address(buffer)),
    view: (pointer, bytes) => koffi.view(pointer as bigint, bytes) as ArrayBuffer,
    pageBytes: library.func('int getpagesize()') as Calls['pageBytes'],
    watch: (fd, onReadable) => {
      const handle = koffi.node.poll(fd, { readable: true }, onReadable);
      return () => handle.close();
    },
    errno: () => koffi.errno(),
    errnoNames: new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name])),
    bpf: number,
  };
}

/** Zero-filled, at an address that does not move. */
export function stableBuffer(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(Math.max(bytes, stableBytesMin)), 0, bytes);
}

/** The same bytes where their address may be taken: themselves where they already lie so. */
export function stable(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer.byteLength >= stableBytesMin) return bytes;
  const copy = stableBuffer(bytes.length);
  copy.set(bytes);
  return copy;
}

export function addressOf(buffer: Uint8Array): bigint {
  return buffer.length === 0 ? 0n : nativeCalls().address(buffer);
}

/** The result, or minus the errno: for calls that are made often or may fail as a matter of course. */
export function bpfResult(command: BpfCommand, attribute: Uint8Array): number {
  const calls = nativeCalls();
  const result = Number(
    calls.syscall(calls.bpf, bpfCommands[command], attribute, attribute.length),
  );
  return result < 0 ? -calls.errno() : result;
}

/** Throws KERNEL_CALL_FAILED. */
export function bpf(command: BpfCommand, attribute: Uint8Array, what: string): number {
  const result = bpfResult(command, attribute);
  if (result < 0) throw callFailed(command, -result, what);
  return result;
}

export function callFailed(command: BpfCommand, errno: number, what: string): KernelError {
  const name = errnoName(errno);
  return new KernelError('KERNEL_CALL_FAILED', `bpf(${command}) of ${what}: ${name}`, name);
}

export function errnoName(errno: number): string {
  return nativeCalls().errnoNames.get(errno) ?? `errno ${errno}`;
}

export function closeDescriptor(fd: number): void {
  nativeCalls().close(fd);
}

/** As far as a NUL, in a field of fixed size. */
export function fixedText(bytes: Buffer, offset: number, room: number): string {
  const field = bytes.subarray(offset, offset + room);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? room : end);
}
