/**
 * Is a field name one of N? Two words are compared for each name of the same length, whatever the case.
 *
 * ```
 * 8 bytes and more    accept-encoding          4 to 7    referer          1 to 3    dnt
 *                     └──────┘                           └──┘                       └
 *                            └──────┘                       └──┘                     └┘
 * ```
 *
 * Names of more than sixteen bytes, where the two words leave a gap, are then compared in full. Case is
 * folded by setting a bit, which is exact for letters, digits and `-` as long as the bytes asked about
 * are a field name (RFC 9110, token: no control bytes); the host's parser refuses any other.
 *
 * Names: lower case, in the order of their length, at most `nameBytesMax` bytes and 255 of them.
 */
import { equalsIgnoreCase } from './bytes';

const nameBytesMax: i32 = 32;
const namesMax: i32 = 255;
const wordBytes: i32 = 8;
const wordsBytes: i32 = 2 * wordBytes;
const caseBits: u64 = 0x2020202020202020;

export class NameSet {
  /** By length: the index of the first name that is as long, or longer. */
  private firsts: usize;
  /** Two words a name. */
  private words: usize;

  constructor(private names: StaticArray<string>) {
    if (names.length > namesMax) throw new Error('too many names');
    this.firsts = heap.alloc(nameBytesMax + 2);
    this.words = heap.alloc(names.length * wordsBytes);
    const bytes = heap.alloc(nameBytesMax);
    let index = 0;
    for (let length = 0; length <= nameBytesMax + 1; length++) {
      store<u8>(this.firsts + length, index);
      for (; index < names.length && names[index].length == length; index++) {
        if (length == 0 || length > nameBytesMax) throw new Error('not a name: ' + names[index]);
        for (let i = 0; i < length; i++) store<u8>(bytes + i, names[index].charCodeAt(i));
        store<u64>(this.words + index * wordsBytes, firstWord(bytes, length));
        store<u64>(this.words + index * wordsBytes, lastWord(bytes, length), wordBytes);
      }
    }
    if (index != names.length) throw new Error('not in the order of length: ' + names[index]);
  }

  /** The place of the name in the list, or -1. */
  indexOf(at: usize, length: i32): i32 {
    if (length < 1 || length > nameBytesMax) return -1;
    const from = <i32>load<u8>(this.firsts + length);
    const to = <i32>load<u8>(this.firsts + length, 1);
    if (from == to) return -1;
    const first = firstWord(at, length);
    const last = lastWord(at, length);
    for (let index = from; index < to; index++) {
      const words = this.words + index * wordsBytes;
      if (load<u64>(words) != first || load<u64>(words, wordBytes) != last) continue;
      if (length <= wordsBytes || equalsIgnoreCase(at, length, this.names[index])) return index;
    }
    return -1;
  }
}

@inline
function firstWord(at: usize, length: i32): u64 {
  return caseBits | (length >= 8 ? load<u64>(at) : length >= 4 ? load<u32>(at) : load<u8>(at));
}

@inline
function lastWord(at: usize, length: i32): u64 {
  const end = at + length;
  if (length >= 8) return caseBits | load<u64>(end - 8);
  if (length >= 4) return caseBits | load<u32>(end - 4);
  return caseBits | (length >= 2 ? load<u16>(end - 2) : load<u8>(at));
}
