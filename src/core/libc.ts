/** The few calls into the C library that Node has no words for, through koffi. Linux only. */
import { loadNative } from './native.ts';

export type Libc = {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: number[], length: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: number[]): number;
  sendto(
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ): number;
  close(fd: number): number;
  errno(): number;
};

/** The reason, where there is none on this machine. */
export function loadLibc(): Libc | string {
  const native = loadNative();
  if (typeof native === 'string') return native;
  const { koffi, library } = native;
  return {
    socket: library.func('int socket(int, int, int)') as Libc['socket'],
    setsockopt: library.func(
      'int setsockopt(int, int, int, const int *, uint32_t)',
    ) as Libc['setsockopt'],
    bind: library.func('int bind(int, const void *, uint32_t)') as Libc['bind'],
    getsockname: library.func(
      'int getsockname(int, _Out_ uint8_t *, _Inout_ uint32_t *)',
    ) as Libc['getsockname'],
    sendto: library.func(
      'int64_t sendto(int, const void *, size_t, int, const void *, uint32_t)',
    ) as Libc['sendto'],
    close: library.func('int close(int)') as Libc['close'],
    errno: () => koffi.errno(),
  };
}
