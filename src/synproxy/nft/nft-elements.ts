/**
 * The counters of single elements of our sets, by netlink: `nft` of version 1.0 reads and prints a whole set for any
 * of them (2 s at 100,000), the kernel finds one.
 *
 * ```
 * target ─► NFT_MSG_GETSETELEM: table, set, key ─► NFT_MSG_NEWSETELEM: key, counter │ error: not there
 * ```
 *
 * The kernel answers within the call that asks, so the answer is there when it is read. A range is found by its first
 * address, as it stands in the set.
 */
import { WeirError } from '#core/errors.ts';
import { parseCidr } from '#core/ip.ts';
import { loadNative } from '#core/native.ts';
import { writeAddress } from '../list-entry.ts';
import { type SetName, setOf } from './nft-program.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const NETLINK_NETFILTER = 12;
const MSG_DONTWAIT = 0x40;
const NFPROTO_INET = 1;
const GET_ELEMENT = (10 << 8) | 13;
const NEW_ELEMENT = (10 << 8) | 12;
const NLM_F_REQUEST = 1;
const NESTED = 0x8000;
const headerBytes = 20;
const answerBytesMax = 8_192;

/** include/uapi/linux/netfilter/nf_tables.h */
const attribute = {
  listTable: 1,
  listSet: 2,
  listElements: 3,
  element: 1,
  key: 1,
  value: 1,
  expression: 7,
  expressions: 11,
  name: 1,
  data: 2,
  packets: 2,
} as const;

export type ElementReader = {
  /** Packets by target, of those that were hit. */
  hits(table: string, targets: readonly string[]): Record<string, number>;
};

/** Null where it cannot be: nft reads them then. */
export function elementReader(): ElementReader | null {
  const native = loadNative();
  if (typeof native === 'string') return null;
  const { library } = native;
  const open = library.func('int socket(int, int, int)') as (...n: number[]) => number;
  const send = library.func('long send(int, void *, size_t, int)') as Transfer;
  const receive = library.func('long recv(int, void *, size_t, int)') as Transfer;
  const socket = open(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER);
  if (socket < 0) return null;
  const room = Buffer.from(new ArrayBuffer(answerBytesMax));
  let sequence = 0;
  const packetsOf = (table: string, set: SetName, target: string): number | null => {
    sequence = (sequence + 1) >>> 0;
    const request = elementRequest(table, set, target, sequence);
    if (Number(send(socket, request, request.length, 0)) !== request.length)
      throw new WeirError('SHIELD_FAILED', 'the kernel takes no question about nftables');
    // One answer a question; what a question before has left is passed over.
    for (;;) {
      const bytes = Number(receive(socket, room, room.length, MSG_DONTWAIT));
      if (bytes < headerBytes) return null;
      if (room.readUInt32LE(8) === sequence) return readPackets(room.subarray(0, bytes));
    }
  };
  return {
    hits(table, targets) {
      const hits: Record<string, number> = {};
      for (const target of targets) {
        const packets =
          packetsOf(table, setOf(target, 'drop'), target) ??
          packetsOf(table, setOf(target, 'monitor'), target);
        if (packets !== null && packets > 0) hits[target] = packets;
      }
      return hits;
    },
  };
}

type Transfer = (fd: number, bytes: Uint8Array, length: number, flags: number) => number | bigint;

function elementRequest(table: string, set: SetName, target: string, sequence: number): Buffer {
  const cidr = parseCidr(target);
  if (cidr === null) throw new WeirError('SHIELD_FAILED', `"${target}" is no target`);
  const key = Buffer.alloc(cidr.family === 4 ? 4 : 16);
  writeAddress(new DataView(key.buffer, key.byteOffset, key.length), 0, cidr.family, cidr.words);
  const element = field(attribute.element | NESTED, nest(attribute.key, attribute.value, key));
  const body = Buffer.concat([
    Buffer.from([NFPROTO_INET, 0, 0, 0]),
    field(attribute.listTable, Buffer.from(`${table}\0`)),
    field(attribute.listSet, Buffer.from(`${set}\0`)),
    field(attribute.listElements | NESTED, element),
  ]);
  // In memory that does not move: its address is given to the kernel.
  const message = Buffer.from(
    new ArrayBuffer(Math.max(128, 16 + body.length)),
    0,
    16 + body.length,
  );
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(GET_ELEMENT, 4);
  message.writeUInt16LE(NLM_F_REQUEST, 6);
  message.writeUInt32LE(sequence, 8);
  message.set(body, 16);
  return message;
}

/** Null where the answer is that there is none. */
function readPackets(answer: Buffer): number | null {
  if (answer.length < headerBytes || answer.readUInt16LE(4) !== NEW_ELEMENT) return null;
  const elements = find(
    answer.subarray(headerBytes, answer.readUInt32LE(0)),
    attribute.listElements,
  );
  const element = find(elements, attribute.element);
  const expressions = find(element, attribute.expressions);
  // One statement stands for itself, several in a list.
  const one = find(element, attribute.expression) ?? find(expressions, attribute.element);
  if (find(one, attribute.name)?.toString('latin1') !== 'counter\0') return null;
  const packets = find(find(one, attribute.data), attribute.packets);
  return packets === null || packets.length < 8 ? null : Number(packets.readBigUInt64BE(0));
}

function nest(outer: number, inner: number, bytes: Buffer): Buffer {
  return field(outer | NESTED, field(inner, bytes));
}

function field(type: number, bytes: Buffer): Buffer {
  const made = Buffer.alloc(4 + Math.ceil(bytes.length / 4) * 4);
  made.writeUInt16LE(4 + bytes.length, 0);
  made.writeUInt16LE(type, 2);
  made.set(bytes, 4);
  return made;
}

function find(bytes: Buffer | null, type: number): Buffer | null {
  if (bytes === null) return null;
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) return null;
    if ((bytes.readUInt16LE(at + 2) & 0x3fff) === type) return bytes.subarray(at + 4, at + length);
    at += Math.ceil(length / 4) * 4;
  }
  return null;
}
