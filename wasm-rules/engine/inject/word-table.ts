/**
 * Sets of words by hash: 32 bits of FNV-1a over lower case, a kind for each word. Two words of one set never share a
 * hash (a test holds that); a word of a request that shares one with a word of a set counts as that word.
 */

export const emptyHash: u32 = 0x811c_9dc5;

@inline
export function addToHash(hash: u32, byte: u32): u32 {
  return (hash ^ byte) * 0x0100_0193;
}

/** `table` has 8 bytes for each of `1 << bits` slots; more than a half of them stay empty. */
export function addWords(table: usize, bits: i32, words: string, kind: i32, salt: u32): void {
  const last = (1 << bits) - 1;
  let hash = emptyHash;
  for (let i = 0; i <= words.length; i++) {
    const byte = i < words.length ? <u32>words.charCodeAt(i) : 0x20;
    if (byte != 0x20) {
      hash = addToHash(hash, byte);
      continue;
    }
    hash ^= salt;
    let slot = slotOf(hash, bits);
    while (load<i32>(table + ((<usize>slot) << 3), 4) != 0) slot = (slot + 1) & last;
    store<u32>(table + ((<usize>slot) << 3), hash);
    store<i32>(table + ((<usize>slot) << 3), kind, 4);
    hash = emptyHash;
  }
}

/** The kind of the word with this hash, or 0. */
export function kindOfHash(table: usize, bits: i32, hash: u32): i32 {
  const last = (1 << bits) - 1;
  let slot = slotOf(hash, bits);
  while (true) {
    const at = table + ((<usize>slot) << 3);
    const kind = load<i32>(at, 4);
    if (kind == 0 || load<u32>(at) == hash) return kind;
    slot = (slot + 1) & last;
  }
}

@inline
function slotOf(hash: u32, bits: i32): i32 {
  return (hash * 0x2545_f491) >>> (32 - bits);
}
