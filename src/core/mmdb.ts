/**
 * Reads MMDB files (MaxMind DB format 2.0): from an address of either family to a value.
 *
 * ```
 * ├── search tree: a node a bit, two records each ──┤ 16 zeros ├── data ──┤ marker ├── metadata ──┤
 * ```
 *
 * A file is looked at when it is opened: what its metadata says has to fit its size. Everything after that
 * is bounded by the format (a bit of the address a step) or by `mmdb-data.ts`, so a damaged file gives
 * wrong answers or none and never an endless loop or a crash.
 */
import { readIp } from './ip.ts';
import { MmdbDamage, MmdbData } from './mmdb-data.ts';

/** Above the largest file one can buy today; each worker holds it in memory. */
export const mmdbBytesMax = 512 * 1024 * 1024;
const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
const metadataBytesMax = 131_072;
const separatorBytes = 16;
const pathsKept = 256;
const pathPartsMax = 8;

const recordSizes = [24, 28, 32] as const;
type RecordSize = (typeof recordSizes)[number];

/** A range of addresses and the place of what it belongs to; ranges of one place may have one record. */
export type MmdbNetwork = {
  readonly family: 4 | 6;
  readonly value: bigint;
  readonly prefix: number;
  readonly record: number;
};

export class Mmdb {
  readonly #bytes: Buffer;
  readonly #nodes: number;
  readonly #recordSize: RecordSize;
  readonly #ipVersion: 4 | 6;
  readonly #data: MmdbData;
  readonly #dataBytes: number;
  readonly #words = new Uint32Array(4);
  readonly #paths = new Map<string, readonly Buffer[]>();
  /** Where IPv4 addresses begin in a tree of IPv6 ones. */
  readonly #ipv4Node: number;
  /** What kind of database it says it is. */
  readonly type: string;

  private constructor(bytes: Buffer, metadata: Metadata) {
    const treeBytes = (metadata.nodes * metadata.recordSize) / 4;
    const data = bytes.subarray(treeBytes + separatorBytes, metadata.markerAt);
    this.#bytes = bytes;
    this.#nodes = metadata.nodes;
    this.#recordSize = metadata.recordSize;
    this.#ipVersion = metadata.ipVersion;
    this.#data = new MmdbData(data);
    this.#dataBytes = data.length;
    this.type = metadata.type;
    let node = 0;
    if (metadata.ipVersion === 6)
      for (let bit = 0; bit < 96 && node < this.#nodes; bit++) node = this.#record(node, 0);
    this.#ipv4Node = node;
  }

  /** The database, or why the bytes are none. Keeps `bytes`. */
  static open(bytes: Buffer): Mmdb | string {
    const metadata = readMetadata(bytes);
    if (typeof metadata === 'string') return metadata;
    return new Mmdb(bytes, metadata);
  }

  /**
   * The scalar at `path` (`country.iso_code`, `subdivisions.0.iso_code`), as text; null where there is
   * none, where the address is none, and where the file is damaged at that place.
   */
  lookup(address: string, path: string): string | null {
    const family = readIp(address, address.length, this.#words);
    if (family === 0 || (family === 6 && this.#ipVersion === 4)) return null;
    const parts = this.#partsOf(path);
    if (parts.length > pathPartsMax) return null;
    let node = family === 4 ? this.#ipv4Node : 0;
    const bits = family === 4 ? 32 : 128;
    for (let bit = 0; bit < bits && node < this.#nodes; bit++) {
      const word = this.#words[bit >> 5] as number;
      node = this.#record(node, (word >>> (31 - (bit & 31))) & 1);
    }
    return node <= this.#nodes ? null : this.#textAt(node, parts);
  }

  /** The scalar at `path` of what a network belongs to; null as for `lookup`. */
  textOf({ record }: MmdbNetwork, path: string): string | null {
    return this.#textAt(record, this.#partsOf(path));
  }

  /**
   * Every network that belongs to something, in the order of addresses, IPv4 as such. The other places from which IPv4
   * is reached in a tree of IPv6 are left out. A tree that leads back into itself ends with `damaged`.
   */
  *networks(): Generator<MmdbNetwork, 'whole' | 'damaged'> {
    const stack: { node: number; value: bigint; depth: number }[] = [];
    const push = (node: number, value: bigint, depth: number): void => {
      if (node !== this.#nodes) stack.push({ node, value, depth });
    };
    const bits = this.#ipVersion === 4 ? 32 : 128;
    push(0, 0n, 0);
    for (let nodes = 0; ; ) {
      const at = stack.pop();
      if (at === undefined) return 'whole';
      const { node, value, depth } = at;
      const isIpv4 = this.#ipVersion === 4 || (depth >= 96 && value >> 32n === 0n);
      if (!isIpv4 && node === this.#ipv4Node && node < this.#nodes) continue;
      if (node > this.#nodes) {
        const family = isIpv4 ? 4 : 6;
        yield { family, value, prefix: family === 4 ? depth - (bits - 32) : depth, record: node };
        continue;
      }
      if (++nodes > this.#nodes || depth === bits) return 'damaged';
      push(this.#record(node, 1), value | (1n << BigInt(bits - depth - 1)), depth + 1);
      push(this.#record(node, 0), value, depth + 1);
    }
  }

  #textAt(record: number, parts: readonly Buffer[]): string | null {
    try {
      return this.#data.textAt(record - this.#nodes - separatorBytes, parts);
    } catch (error) {
      if (error instanceof MmdbDamage) return null;
      throw error;
    }
  }

  /** What is wrong with the tree, every record looked at once; null when nothing is. */
  damage(): string | null {
    const last = this.#nodes + separatorBytes + this.#dataBytes;
    for (let node = 0; node < this.#nodes; node++) {
      for (let side = 0; side < 2; side++) {
        const record = this.#record(node, side);
        const isData = record > this.#nodes;
        if (record >= last || (isData && record < this.#nodes + separatorBytes))
          return `record ${side} of node ${node} leads nowhere (${record})`;
      }
    }
    return null;
  }

  #record(node: number, side: number): number {
    const bytes = this.#bytes;
    switch (this.#recordSize) {
      case 24:
        return bytes.readUIntBE(node * 6 + side * 3, 3);
      case 28: {
        const at = node * 7;
        const middle = bytes[at + 3] as number;
        return side === 0
          ? (middle >>> 4) * 0x1000000 + bytes.readUIntBE(at, 3)
          : (middle & 15) * 0x1000000 + bytes.readUIntBE(at + 4, 3);
      }
      case 32:
        return bytes.readUInt32BE(node * 8 + side * 4);
    }
  }

  #partsOf(path: string): readonly Buffer[] {
    const kept = this.#paths.get(path);
    if (kept !== undefined) return kept;
    const parts = path.split('.').map((part) => Buffer.from(part, 'utf8'));
    if (this.#paths.size >= pathsKept) this.#paths.clear();
    this.#paths.set(path, parts);
    return parts;
  }
}

type Metadata = {
  readonly markerAt: number;
  readonly nodes: number;
  readonly recordSize: RecordSize;
  readonly ipVersion: 4 | 6;
  readonly type: string;
};

function readMetadata(bytes: Buffer): Metadata | string {
  if (bytes.length > mmdbBytesMax)
    return `holds ${bytes.length} bytes; at most ${mmdbBytesMax} are read`;
  const from = Math.max(0, bytes.length - metadataBytesMax);
  const found = bytes.subarray(from).lastIndexOf(marker);
  if (found === -1) return 'is no MMDB file: it has no metadata at its end';
  const data = new MmdbData(bytes.subarray(from + found + marker.length));
  const field = (name: string): string | null => data.textAt(0, [Buffer.from(name)]);
  try {
    const version = field('binary_format_major_version');
    if (version !== '2') return `is of MMDB format ${version ?? 'unknown'}; 2 is read`;
    const nodes = Number(field('node_count') ?? Number.NaN);
    const size = Number(field('record_size') ?? Number.NaN);
    const ip = Number(field('ip_version') ?? Number.NaN);
    const recordSize = recordSizes.find((known) => known === size);
    if (recordSize === undefined) return `has records of ${size} bits; 24, 28 and 32 are read`;
    if (ip !== 4 && ip !== 6) return `is for IP version ${ip}; 4 and 6 are read`;
    if (!Number.isSafeInteger(nodes) || nodes < 1) return `has ${nodes} nodes`;
    const markerAt = from + found;
    if ((nodes * recordSize) / 4 + separatorBytes > markerAt)
      return `is cut short: ${nodes} nodes of ${recordSize} bits a record need more than its ${bytes.length} bytes`;
    return { markerAt, nodes, recordSize, ipVersion: ip, type: field('database_type') ?? '' };
  } catch (error) {
    if (error instanceof MmdbDamage) return `has damaged metadata: ${error.message}`;
    throw error;
  }
}
