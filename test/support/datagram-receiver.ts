/** A datagram socket as systemd holds one for the words of its services. */
import assert from 'node:assert/strict';
import koffi from 'koffi';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

export type DatagramReceiver = {
  /** Null when there is none. */
  next(): string | null;
  close(): void;
};

/** `@` names the abstract namespace. */
export function datagramReceiver(path: string): DatagramReceiver {
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int, int, int)');
  const bind = libc.func('int bind(int, const void *, uint32_t)');
  const recv = libc.func('int64_t recv(int, _Out_ uint8_t *, size_t, int)');
  const close = libc.func('int close(int)');
  const name = Buffer.from(path.replace(/^@/, '\0'));
  const address = Buffer.concat([Buffer.from(new Uint16Array([AF_UNIX]).buffer), name]);
  const descriptor = socket(AF_UNIX, SOCK_DGRAM, 0) as number;
  assert.equal(bind(descriptor, address, address.length), 0);
  return {
    // A datagram on this machine is there when it has been sent.
    next: () => {
      const bytes = Buffer.alloc(1_000);
      const length = Number(recv(descriptor, bytes, bytes.length, MSG_DONTWAIT));
      return length < 0 ? null : bytes.toString('latin1', 0, length);
    },
    close: () => close(descriptor),
  };
}
