/** Writes small MMDB files, by the format's specification and by nothing of the reader's. */
import { parseCidr } from '#core/ip.ts';

export type MmdbItem =
  | string
  | number
  | bigint
  | boolean
  | Buffer
  | readonly MmdbItem[]
  | { readonly [key: string]: MmdbItem };

/** A number in another than the smallest type. */
export class Typed {
  readonly type: 'double' | 'float' | 'int32' | 'uint64' | 'uint128';
  readonly value: number | bigint;

  constructor(type: Typed['type'], value: number | bigint) {
    this.type = type;
    this.value = value;
  }
}

export type MmdbOptions = {
  readonly recordSize?: 24 | 28 | 32;
  readonly ipVersion?: 4 | 6;
  readonly metadata?: Readonly<Record<string, unknown>>;
};

type Node = [Node | number | null, Node | number | null];

/** Ranges of IPv4 in a tree of IPv6 lie below ::/96. */
export function writeMmdb(
  ranges: readonly (readonly [range: string, value: unknown])[],
  { recordSize = 28, ipVersion = 6, metadata = {} }: MmdbOptions = {},
): Buffer {
  const data: Buffer[] = [];
  let dataBytes = 0;
  const root: Node = [null, null];
  for (const [range, value] of ranges) {
    const at = dataBytes;
    const bytes = encode(value);
    data.push(bytes);
    dataBytes += bytes.length;
    insert(root, bitsOf(range, ipVersion), at);
  }
  const nodes: Node[] = [root];
  for (const node of nodes)
    for (const side of node) if (typeof side === 'object' && side !== null) nodes.push(side);
  const numbers = new Map(nodes.map((node, index) => [node, index]));
  const record = (side: Node | number | null): number => {
    if (side === null) return nodes.length;
    return typeof side === 'number' ? nodes.length + 16 + side : (numbers.get(side) ?? 0);
  };
  const tree = nodes.map(([left, right]) => nodeBytes(record(left), record(right), recordSize));
  const described = {
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: new Typed('uint64', 1_700_000_000n),
    database_type: 'Weir',
    description: { en: 'made by Weir' },
    ip_version: ipVersion,
    languages: ['en'],
    node_count: nodes.length,
    record_size: recordSize,
    ...metadata,
  };
  return Buffer.concat([
    ...tree,
    Buffer.alloc(16),
    ...data,
    Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'),
    encode(described),
  ]);
}

/** Control bytes of a pointer to `offset` in the data section. */
export function pointerTo(offset: number): Buffer {
  if (offset < 2_048) return Buffer.from([0x20 | (offset >> 8), offset & 255]);
  if (offset < 526_336) {
    const rest = offset - 2_048;
    return Buffer.from([0x28 | (rest >> 16), (rest >> 8) & 255, rest & 255]);
  }
  const bytes = Buffer.alloc(5);
  bytes[0] = 0x38;
  bytes.writeUInt32BE(offset, 1);
  return bytes;
}

/** Raw bytes stand for themselves, so a test can write what no writer would. */
export function encode(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  if (typeof value === 'string') return sized(2, Buffer.from(value, 'utf8'));
  if (typeof value === 'boolean') return control(14, value ? 1 : 0);
  if (typeof value === 'number') return unsigned(value > 0xffff ? 6 : 5, BigInt(value));
  if (typeof value === 'bigint') return unsigned(10, value);
  if (value instanceof Typed) return encodeTyped(value);
  if (Array.isArray(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  const entries = Object.entries(value as object);
  return Buffer.concat([
    control(7, entries.length),
    ...entries.flatMap(([key, item]) => [encode(key), encode(item)]),
  ]);
}

function encodeTyped({ type, value }: Typed): Buffer {
  const bytes = Buffer.alloc(type === 'double' ? 8 : 4);
  switch (type) {
    case 'double':
      bytes.writeDoubleBE(Number(value));
      return sized(3, bytes);
    case 'float':
      bytes.writeFloatBE(Number(value));
      return sized(15, bytes);
    case 'int32':
      bytes.writeInt32BE(Number(value));
      return sized(8, bytes);
    case 'uint64':
      return unsigned(9, BigInt(value));
    case 'uint128':
      return unsigned(10, BigInt(value));
  }
}

function unsigned(type: number, value: bigint): Buffer {
  const hex = value === 0n ? '' : value.toString(16);
  return sized(type, Buffer.from(hex.length % 2 === 1 ? `0${hex}` : hex, 'hex'));
}

const sized = (type: number, bytes: Buffer): Buffer =>
  Buffer.concat([control(type, bytes.length), bytes]);

/** Type and size in front of a value. */
export function control(type: number, size: number): Buffer {
  const low = size < 29 ? size : size < 285 ? 29 : size < 65_821 ? 30 : 31;
  const bytes = [type > 7 ? low : (type << 5) | low];
  if (type > 7) bytes.push(type - 7);
  if (low === 29) bytes.push(size - 29);
  else if (low === 30) bytes.push((size - 285) >> 8, (size - 285) & 255);
  else if (low === 31) {
    const rest = size - 65_821;
    bytes.push((rest >> 16) & 255, (rest >> 8) & 255, rest & 255);
  }
  return Buffer.from(bytes);
}

function insert(root: Node, bits: readonly number[], at: number): void {
  let node = root;
  for (const [depth, bit] of bits.entries()) {
    if (depth === bits.length - 1) {
      node[bit as 0 | 1] = at;
      return;
    }
    const next = node[bit as 0 | 1];
    if (typeof next === 'object' && next !== null) node = next;
    else {
      // What a wider range said holds on both sides until something narrower says otherwise.
      const made: Node = [next, next];
      node[bit as 0 | 1] = made;
      node = made;
    }
  }
}

function bitsOf(range: string, ipVersion: 4 | 6): number[] {
  const cidr = parseCidr(range);
  if (cidr === null) throw new Error(`${range} is no range`);
  const bits = Array.from({ length: cidr.prefix }, (_, bit) => {
    const word = cidr.words[bit >> 5] as number;
    return (word >>> (31 - (bit & 31))) & 1;
  });
  return cidr.family === 4 && ipVersion === 6 ? [...new Array<number>(96).fill(0), ...bits] : bits;
}

function nodeBytes(left: number, right: number, recordSize: 24 | 28 | 32): Buffer {
  const bytes = Buffer.alloc(recordSize / 4);
  if (recordSize === 28) {
    bytes.writeUIntBE(left & 0xffffff, 0, 3);
    bytes[3] = ((left >>> 24) << 4) | (right >>> 24);
    bytes.writeUIntBE(right & 0xffffff, 4, 3);
  } else {
    bytes.writeUIntBE(left, 0, recordSize / 8);
    bytes.writeUIntBE(right, recordSize / 8, recordSize / 8);
  }
  return bytes;
}
