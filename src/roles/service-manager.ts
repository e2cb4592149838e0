/**
 * What systemd hears of a node (`Type=notify`, sd_notify(3)): that it is ready, that it ends, and which
 * process is the node after an upgrade. Without the last word systemd would take the end of the old process
 * for the end of the service, and stop the new one.
 *
 * One datagram to the socket that NOTIFY_SOCKET names; nothing where it names none.
 */
import { loadLibc } from '#core/libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
/** `sun_path` of `struct sockaddr_un`. */
const pathBytesMax = 108;

/** Returns why the word did not get through, null when it did or nobody listens. */
export function notifyServiceManager(
  words: readonly string[],
  path: string | undefined = process.env['NOTIFY_SOCKET'],
): string | null {
  if (path === undefined || path === '') return null;
  const libc = loadLibc();
  if (typeof libc === 'string') return libc;
  const name = Buffer.from(path);
  if (name.length >= pathBytesMax) return 'NOTIFY_SOCKET is too long';
  // `@` stands for the NUL byte of the abstract namespace.
  if (name[0] === 64) name[0] = 0;
  const address = new Uint8Array(2 + name.length);
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(name, 2);
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (socket < 0) return `socket: errno ${libc.errno()}`;
  const bytes = Buffer.from(words.join('\n'));
  const sent = libc.sendto(socket, bytes, bytes.length, 0, address, address.length);
  const reason = Number(sent) === bytes.length ? null : `sendto ${path}: errno ${libc.errno()}`;
  libc.close(socket);
  return reason;
}
