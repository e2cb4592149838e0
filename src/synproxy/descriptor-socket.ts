/**
 * Messages with open descriptors between two processes of one machine: a Unix socket that keeps messages apart
 * (SOCK_SEQPACKET, unix(7)), which Node has no words for. Each is JSON and up to 128 descriptors (SCM_RIGHTS).
 *
 * Who listens learns from the kernel which process is at the other end, as it was when it connected.
 */
import { rmSync, statSync } from 'node:fs';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import { loadNative } from '#core/native.ts';
import {
  addressOf,
  closeDescriptor,
  errnoName,
  KernelError,
  nativeCalls,
  stableBuffer,
} from './bpf-call.ts';

/** `sys/socket.h` and `asm-generic/socket.h`; the same on x86-64 and arm64. */
const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 0o2000005;
const SOCK_NONBLOCK_CLOEXEC = 0o2004000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_PEERCRED = 17;
const MSG_TRUNC = 0x20;
const MSG_CTRUNC = 0x08;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

const bytesMax = 16_384;
export const descriptorsMax = 128;
const controlHeaderBytes = 16;
const vectorAt = 56;
const controlAt = vectorAt + 16;
const payloadAt = controlAt + controlHeaderBytes + 4 * descriptorsMax;
const pathBytesMax = 107;
const backlog = 4;

export type DescriptorMessage = {
  readonly body: unknown;
  /** The receiver's from now on, to use or to close. */
  readonly descriptors: readonly number[];
};

export class DescriptorConnection {
  readonly #fd: number;
  #isClosed = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Throws KERNEL_CALL_FAILED with the errno. */
  static connect(path: string): DescriptorConnection {
    const { socket, connect } = socketCalls();
    const fd = checked(socket(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0), 'a socket');
    const name = socketName(path);
    const result = connect(fd, name, name.length);
    if (result !== 0) {
      const error = failed(path);
      closeDescriptor(fd);
      throw error;
    }
    return new DescriptorConnection(fd);
  }

  /** Of whoever connected. */
  get peerPid(): number {
    const credentials = stableBuffer(12);
    const length = stableBuffer(4);
    length.writeUInt32LE(12, 0);
    checked(
      socketCalls().getsockopt(this.#fd, SOL_SOCKET, SO_PEERCRED, credentials, length),
      'the process at the other end',
    );
    return credentials.readInt32LE(0);
  }

  /** Throws KERNEL_CALL_FAILED where the other end is gone. */
  send(body: object, descriptors: readonly number[] = []): void {
    const text = Buffer.from(JSON.stringify(body));
    assert(
      text.length <= bytesMax && descriptors.length <= descriptorsMax,
      'messages between our own processes have their bounds',
    );
    const frame = messageFrame(text.length, descriptors.length);
    text.copy(frame, payloadAt);
    frame.writeBigUInt64LE(BigInt(controlHeaderBytes + 4 * descriptors.length), controlAt);
    frame.writeInt32LE(SOL_SOCKET, controlAt + 8);
    frame.writeInt32LE(SCM_RIGHTS, controlAt + 12);
    for (const [index, fd] of descriptors.entries())
      frame.writeInt32LE(fd, controlAt + controlHeaderBytes + 4 * index);
    const flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    checked(Number(socketCalls().sendmsg(this.#fd, frame, flags)), 'a message');
  }

  /** Null where the other end has closed. Throws where none comes in time, or what comes is no message of ours. */
  async receive(timeoutMs: number): Promise<DescriptorMessage | null> {
    await this.#readable(timeoutMs);
    const frame = messageFrame(bytesMax, descriptorsMax);
    const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
    const length = checked(Number(socketCalls().recvmsg(this.#fd, frame, flags)), 'a message');
    const descriptors = descriptorsIn(frame);
    try {
      if (length === 0 && descriptors.length === 0) return null;
      if ((frame.readInt32LE(48) & (MSG_TRUNC | MSG_CTRUNC)) !== 0)
        throw new WeirError(
          'SHIELD_FAILED',
          `a message of more than ${bytesMax} bytes, or cut off`,
        );
      const text = frame.toString('utf8', payloadAt, payloadAt + length);
      return { body: JSON.parse(text), descriptors };
    } catch (error) {
      closeAll(descriptors);
      throw error;
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeDescriptor(this.#fd);
  }

  #readable(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(
          new WeirError('SHIELD_FAILED', `the other end said nothing for ${timeoutMs / 1_000} s`),
        );
      }, timeoutMs);
      const stop = nativeCalls().watch(this.#fd, () => {
        stop();
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** One that listens; the file is its own as long as nobody put another in its place. */
export class DescriptorListener {
  readonly #fd: number;
  readonly #path: string;
  readonly #inode: number;
  readonly #stop: () => void;

  private constructor(
    fd: number,
    path: string,
    onConnection: (connection: DescriptorConnection) => void,
  ) {
    this.#fd = fd;
    this.#path = path;
    this.#inode = statSync(path).ino;
    this.#stop = nativeCalls().watch(fd, () => {
      const accepted = socketCalls().accept4(fd, null, null, SOCK_NONBLOCK_CLOEXEC);
      // Who was there is gone again.
      if (accepted >= 0) onConnection(new DescriptorConnection(accepted));
    });
  }

  /** Takes the place of whatever is at that path. Throws KERNEL_CALL_FAILED with the errno. */
  static listen(
    path: string,
    onConnection: (connection: DescriptorConnection) => void,
  ): DescriptorListener {
    const { socket, bind, listen, fchmod } = socketCalls();
    const name = socketName(path);
    const fd = checked(socket(AF_UNIX, SOCK_SEQPACKET_CLOEXEC | 0o4000, 0), 'a socket');
    try {
      rmSync(path, { force: true });
      // Before it has a name: nobody else's from the beginning.
      checked(fchmod(fd, 0o600), path);
      checked(bind(fd, name, name.length), path);
      checked(listen(fd, backlog), path);
      return new DescriptorListener(fd, path, onConnection);
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
  }

  close(): void {
    this.#stop();
    closeDescriptor(this.#fd);
    try {
      if (statSync(this.#path).ino === this.#inode) rmSync(this.#path, { force: true });
    } catch {
      // It is gone, or another process's by now: either way nothing of ours is left.
    }
  }
}

export function closeAll(descriptors: Iterable<number>): void {
  for (const fd of descriptors) closeDescriptor(fd);
}

/**
 * What sendmsg(2) and recvmsg(2) work with, in one piece, so that all that is pointed to lives as long as the call:
 *
 * ```
 * msghdr 56 │ iovec 16 │ cmsghdr 16, descriptors 4 each │ payload
 * ```
 */
function messageFrame(bytes: number, descriptors: number): Buffer {
  const frame = stableBuffer(payloadAt + bytes);
  const at = addressOf(frame);
  frame.writeBigUInt64LE(at + BigInt(vectorAt), 16);
  frame.writeBigUInt64LE(1n, 24);
  if (descriptors > 0) {
    frame.writeBigUInt64LE(at + BigInt(controlAt), 32);
    // Padded as CMSG_SPACE pads it.
    frame.writeBigUInt64LE(BigInt((controlHeaderBytes + 4 * descriptors + 7) & ~7), 40);
  }
  frame.writeBigUInt64LE(at + BigInt(payloadAt), vectorAt);
  frame.writeBigUInt64LE(BigInt(bytes), vectorAt + 8);
  return frame;
}

function descriptorsIn(frame: Buffer): number[] {
  const control = frame.subarray(controlAt, controlAt + Number(frame.readBigUInt64LE(40)));
  if (control.length < controlHeaderBytes) return [];
  if (control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) return [];
  const end = Math.min(Number(control.readBigUInt64LE(0)), control.length);
  const descriptors: number[] = [];
  for (let at = controlHeaderBytes; at + 4 <= end; at += 4)
    descriptors.push(control.readInt32LE(at));
  return descriptors;
}

function socketName(path: string): Buffer {
  const bytes = Buffer.from(path);
  if (bytes.length > pathBytesMax)
    throw new WeirError(
      'SHIELD_FAILED',
      `${path} is too long for a socket (${bytes.length} bytes of ${pathBytesMax}); set "state" to a shorter one`,
    );
  const name = stableBuffer(2 + bytes.length + 1);
  name.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(name, 2);
  return name;
}

function checked(result: number, what: string): number {
  if (result < 0) throw failed(what);
  return result;
}

function failed(what: string): KernelError {
  const name = errnoName(nativeCalls().errno());
  return new KernelError('KERNEL_CALL_FAILED', `${what}: ${name}`, name);
}

type SocketCalls = {
  socket(family: number, type: number, protocol: number): number;
  bind(fd: number, name: Uint8Array, length: number): number;
  connect(fd: number, name: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, name: null, length: null, flags: number): number;
  fchmod(fd: number, mode: number): number;
  getsockopt(
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ): number;
  sendmsg(fd: number, header: Uint8Array, flags: number): number | bigint;
  recvmsg(fd: number, header: Uint8Array, flags: number): number | bigint;
};

let loaded: SocketCalls | null = null;

function socketCalls(): SocketCalls {
  if (loaded !== null) return loaded;
  const native = loadNative();
  if (typeof native === 'string') throw new WeirError('KERNEL_UNAVAILABLE', native);
  const { library } = native;
  loaded = {
    socket: library.func('int socket(int, int, int)') as SocketCalls['socket'],
    bind: library.func('int bind(int, const void *, uint32_t)') as SocketCalls['bind'],
    connect: library.func('int connect(int, const void *, uint32_t)') as SocketCalls['connect'],
    listen: library.func('int listen(int, int)') as SocketCalls['listen'],
    accept4: library.func('int accept4(int, void *, void *, int)') as SocketCalls['accept4'],
    fchmod: library.func('int fchmod(int, uint32_t)') as SocketCalls['fchmod'],
    getsockopt: library.func(
      'int getsockopt(int, int, int, void *, void *)',
    ) as SocketCalls['getsockopt'],
    sendmsg: library.func('long sendmsg(int, const void *, int)') as SocketCalls['sendmsg'],
    recvmsg: library.func('long recvmsg(int, void *, int)') as SocketCalls['recvmsg'],
  };
  return loaded;
}
