/**
 * Reads the memory section of a WebAssembly binary, for the one thing the JavaScript API does not
 * tell: whether the memory has a maximum.
 *
 * The bytes have been compiled by V8 before, so they are well-formed; every read is bounded all the
 * same, and what cannot be read is `null`.
 */
export type MemoryLimits = {
  readonly initialPages: number;
  /** Null when the module sets no maximum. */
  readonly maximumPages: number | null;
  readonly shared: boolean;
  readonly memory64: boolean;
};

const headerBytes = 8;
const memorySectionId = 5;
const hasMaximum = 1;
const isShared = 2;
const isMemory64 = 4;

/** The memories a module defines itself, or null for bytes that are no module. */
export function readMemoryLimits(bytes: Uint8Array): readonly MemoryLimits[] | null {
  const cursor = { bytes, at: headerBytes };
  while (cursor.at < bytes.length) {
    const id = bytes[cursor.at++];
    const size = readLeb(cursor);
    if (size === null || cursor.at + size > bytes.length) return null;
    if (id === memorySectionId) return readSection(cursor);
    cursor.at += size;
  }
  return [];
}

type Cursor = { readonly bytes: Uint8Array; at: number };

function readSection(cursor: Cursor): readonly MemoryLimits[] | null {
  const count = readLeb(cursor);
  const memories: MemoryLimits[] = [];
  for (let i = 0; i < (count ?? 0); i++) {
    const flags = cursor.bytes[cursor.at++];
    const initialPages = readLeb(cursor);
    if (flags === undefined || initialPages === null) return null;
    const maximumPages = (flags & hasMaximum) === 0 ? null : readLeb(cursor);
    memories.push({
      initialPages,
      maximumPages,
      shared: (flags & isShared) !== 0,
      memory64: (flags & isMemory64) !== 0,
    });
  }
  return count === null ? null : memories;
}

/** An unsigned LEB128 number of at most 10 bytes; null when the bytes end before it does. */
function readLeb(cursor: Cursor): number | null {
  let value = 0;
  for (let place = 0; place < 10; place++) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) return null;
    // Multiplied, because a shift would wrap at 32 bits.
    value += (byte & 0x7f) * 2 ** (7 * place);
    if (byte < 0x80) return value;
  }
  return null;
}
