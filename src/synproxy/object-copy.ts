/**
 * The object a program was loaded from, kept as a file without a name (memfd_create(2)) whose descriptor goes
 * wherever those of the maps go.
 *
 * The layout of what stands in the maps is that of this object. The one on disk may be another by now: a new
 * version of Weir has been installed, or somebody has built it anew.
 */
import { fstatSync, readSync, writeSync } from 'node:fs';
import { WeirError } from '#core/errors.ts';
import { loadNative } from '#core/native.ts';
import { errnoName, KernelError, nativeCalls } from './bpf-call.ts';
import { objectBytesMax } from './bpf-object.ts';

const MFD_CLOEXEC = 1;

/** The descriptor. Throws KERNEL_CALL_FAILED. */
export function keepObject(bytes: Uint8Array): number {
  const native = loadNative();
  if (typeof native === 'string') throw new WeirError('KERNEL_UNAVAILABLE', native);
  const create = native.library.func('int memfd_create(const char *, uint32_t)') as (
    name: string,
    flags: number,
  ) => number;
  const fd = create('weir-shield.o', MFD_CLOEXEC);
  if (fd < 0) {
    const errno = errnoName(nativeCalls().errno());
    throw new KernelError('KERNEL_CALL_FAILED', `memfd_create: ${errno}`, errno);
  }
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
  return fd;
}

/** Throws KERNEL_OBJECT_INVALID where it is larger than any object may be. */
export function readObject(fd: number): Buffer {
  const { size } = fstatSync(fd);
  if (size > objectBytesMax)
    throw new WeirError('KERNEL_OBJECT_INVALID', `the object in the kernel has ${size} bytes`);
  const bytes = Buffer.alloc(size);
  // By position: the place in the file is shared by everybody who has the descriptor.
  for (let at = 0; at < size; ) {
    const read = readSync(fd, bytes, at, size - at, at);
    if (read === 0)
      throw new WeirError('KERNEL_OBJECT_INVALID', 'the object in the kernel ends early');
    at += read;
  }
  return bytes;
}
