/**
 * The listening sockets of a node, bound here and handed to workers and successors as descriptors.
 *
 * ```
 * supervisor  bind ×(listeners × workers), SO_REUSEPORT     fd ──┬─► worker 0 (listens, accepts)
 *                                                                ├─► worker 0 again, after a crash
 *                                                                └─► worker 0 of the successor (upgrade)
 * ```
 *
 * A socket that only a worker held would end with it, and with SO_REUSEPORT the kernel resets whatever
 * waits in its accept queue. One that the supervisor holds as well stays: who connects while a worker is
 * replaced, or while a new version takes over, waits in the queue and is served. The supervisor itself
 * never accepts.
 *
 * Node can listen on a descriptor but not make one that does not accept, so the few system calls are made
 * through koffi. Linux only; elsewhere workers bind for themselves, and status says so.
 */
import { formatListenAddress, parseListenAddress } from '#config/address.ts';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import { parseIp } from '#core/ip.ts';
import { type Libc, loadLibc } from '#core/libc.ts';
import { listenHint } from '#core/listen-hint.ts';

/** Linux, `asm-generic/socket.h` and `socket.h`; the same on x86-64 and arm64. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_CLOEXEC = 0o2000001;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;
/**
 * What the kernel keeps, for each connection, of bytes it has not sent yet; accepted sockets have it from this one.
 * Else it takes up to 4 MB of a response for a client that reads nothing, and a thousand of those use up what
 * TCP may have on the whole machine. What is on its way is not counted, so it makes no connection slower.
 */
const unsentBytesMax = 262_144;
const errnoNames: Readonly<Record<number, string>> = {
  13: 'EACCES',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
};

/** By listener index, then by worker slot. */
export type BoundListener = {
  /** As configured. */
  readonly configured: string;
  /** With the port the system picked. */
  readonly address: string;
  readonly descriptors: readonly number[];
};

export class ListeningSockets {
  readonly listeners: readonly BoundListener[];
  readonly #libc: Libc;

  private constructor(libc: Libc, listeners: readonly BoundListener[]) {
    this.#libc = libc;
    this.listeners = listeners;
  }

  /**
   * Binds what is not among `inherited`. Throws LISTEN_FAILED; nothing that was made then stays open.
   * Returns the reason where this machine cannot do it at all.
   */
  static bind(
    addresses: readonly string[],
    workers: number,
    inherited: readonly BoundListener[] = [],
  ): ListeningSockets | string {
    const libc = loadLibc();
    if (typeof libc === 'string') return libc;
    const made: number[] = [];
    const left = [...inherited];
    try {
      const listeners = addresses.map((configured): BoundListener => {
        const at = left.findIndex((one) => one.configured === configured);
        const [before] = at < 0 ? [] : left.splice(at, 1);
        const descriptors = [...(before?.descriptors ?? [])];
        let address = before?.address ?? configured;
        while (descriptors.length < workers) {
          const bound = bindOne(libc, address);
          made.push(bound.descriptor);
          descriptors.push(bound.descriptor);
          address = bound.address;
        }
        for (const unused of descriptors.splice(workers)) libc.close(unused);
        return { configured, address, descriptors };
      });
      for (const { descriptors } of left) for (const unused of descriptors) libc.close(unused);
      return new ListeningSockets(libc, listeners);
    } catch (error) {
      for (const descriptor of made) libc.close(descriptor);
      throw error;
    }
  }

  /** What the worker of a slot listens on, by listener index. */
  descriptorsFor(slot: number): number[] {
    return this.listeners.map(({ descriptors }) => descriptors[slot] as number);
  }

  /** Nobody but the workers that have them holds the sockets any more. */
  close(): void {
    for (const { descriptors } of this.listeners)
      for (const descriptor of descriptors) this.#libc.close(descriptor);
  }
}

function bindOne(libc: Libc, text: string): { descriptor: number; address: string } {
  const parsed = parseListenAddress(text);
  assert(parsed !== null, 'the configuration check has refused other addresses');
  const ip = parseIp(parsed.host);
  assert(ip !== null, 'the configuration check has refused host names');
  const descriptor = libc.socket(ip.family === 4 ? AF_INET : AF_INET6, SOCK_STREAM_CLOEXEC, 0);
  try {
    if (descriptor < 0) throw failed(libc, text);
    const set = (level: number, name: number, value = 1) => {
      if (libc.setsockopt(descriptor, level, name, [value], 4) !== 0) throw failed(libc, text);
    };
    set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsentBytesMax);
    set(SOL_SOCKET, SO_REUSEADDR);
    set(SOL_SOCKET, SO_REUSEPORT);
    // An IPv6 address is IPv6 only, so that 0.0.0.0 and [::] stand beside each other.
    if (ip.family === 6) set(IPPROTO_IPV6, IPV6_V6ONLY);
    const name = socketAddress(ip, parsed.port);
    if (libc.bind(descriptor, name, name.length) !== 0) throw failed(libc, text);
    const bound = new Uint8Array(28);
    if (libc.getsockname(descriptor, bound, [28]) !== 0) throw failed(libc, text);
    const port = ((bound[2] as number) << 8) | (bound[3] as number);
    return { descriptor, address: formatListenAddress({ host: parsed.host, port }) };
  } catch (error) {
    if (descriptor >= 0) libc.close(descriptor);
    throw error;
  }
}

/** `struct sockaddr_in` and `sockaddr_in6`: family in host order, port in network order. */
function socketAddress(ip: NonNullable<ReturnType<typeof parseIp>>, port: number): Uint8Array {
  const address = new Uint8Array(ip.family === 4 ? 16 : 28);
  new Uint16Array(address.buffer, 0, 1)[0] = ip.family === 4 ? AF_INET : AF_INET6;
  address[2] = port >> 8;
  address[3] = port & 255;
  const view = new DataView(address.buffer, ip.family === 4 ? 4 : 8);
  for (let word = 0; word < (ip.family === 4 ? 1 : 4); word++)
    view.setUint32(word * 4, ip.words[word] as number);
  return address;
}

function failed(libc: Libc, address: string): WeirError {
  const code = errnoNames[libc.errno()] ?? `errno ${libc.errno()}`;
  return new WeirError('LISTEN_FAILED', `cannot listen on ${address}: ${listenHint(code)}`);
}
