/**
 * Which XDP program an interface has, by asking the kernel's routing socket (rtnetlink(7), RTM_GETLINK): bpf(2)
 * lists links, and a program that `ip link set … xdp` or an old loader attached is held by none.
 *
 * ```
 * message  length 4, type 2, flags 2, sequence 4, port 4 │ ifinfomsg 16 │ attributes: length 2, type 2, value, to 4
 * IFLA_XDP holds attributes again: the id of the program in each mode
 * ```
 */
import { loadNative } from '#core/native.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 0o2000003;
const NETLINK_ROUTE = 0;
const RTM_GETLINK = 18;
const RTM_NEWLINK = 16;
const NLM_F_REQUEST = 1;
const IFLA_XDP = 43;
/** The only program, or those of the driver, of the network stack and of the hardware. */
const programAttributes: readonly number[] = [4, 5, 6, 7];
const headerBytes = 16;
const interfaceBytes = 16;
const answerBytesMax = 65_536;

/** Ids, none twice; none too where the kernel does not say. */
export function attachedPrograms(interfaceIndex: number): readonly number[] {
  const native = loadNative();
  if (typeof native === 'string') return [];
  const { library } = native;
  const socket = library.func('int socket(int, int, int)') as Socket;
  const send = library.func('long send(int, const void *, size_t, int)') as Transfer;
  const receive = library.func('long recv(int, void *, size_t, int)') as Transfer;
  const close = library.func('int close(int)') as (fd: number) => number;
  const fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return [];
  try {
    const question = Buffer.alloc(headerBytes + interfaceBytes);
    question.writeUInt32LE(question.length, 0);
    question.writeUInt16LE(RTM_GETLINK, 4);
    question.writeUInt16LE(NLM_F_REQUEST, 6);
    question.writeInt32LE(interfaceIndex, headerBytes + 4);
    if (Number(send(fd, question, question.length, 0)) !== question.length) return [];
    // The kernel answers before `send` returns, or not at all: an interface that is not is an error message.
    const answer = Buffer.alloc(answerBytesMax);
    const bytes = Number(receive(fd, answer, answer.length, MSG_DONTWAIT));
    return bytes > 0 ? programsOf(answer.subarray(0, bytes)) : [];
  } finally {
    close(fd);
  }
}

const MSG_DONTWAIT = 0x40;

type Socket = (family: number, type: number, protocol: number) => number;
type Transfer = (fd: number, bytes: Uint8Array, length: number, flags: number) => number | bigint;

export function programsOf(message: Buffer): readonly number[] {
  if (message.length < headerBytes + interfaceBytes || message.readUInt16LE(4) !== RTM_NEWLINK)
    return [];
  const ids = new Set<number>();
  for (const [type, value] of attributes(message.subarray(headerBytes + interfaceBytes))) {
    if (type !== IFLA_XDP) continue;
    for (const [inner, id] of attributes(value))
      if (programAttributes.includes(inner) && id.length >= 4) ids.add(id.readUInt32LE(0));
  }
  return [...ids];
}

function* attributes(bytes: Buffer): Generator<readonly [number, Buffer]> {
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) return;
    // The two high bits say how the value is to be read.
    yield [bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length)];
    at += (length + 3) & ~3;
  }
}
