/**
 * The paths that are traps, as bytes in lower case, and whether a path is one of them.
 *
 * A trap is a whole path, the end of one (`*` in front and nowhere else), or a glob.
 */
import { endsWithBytes, equalsBytes, globBytes } from '../../sdk/matcher';

const exact: u8 = 0;
const ending: u8 = 1;
const globbed: u8 = 2;

export class Traps {
  private ats: usize[] = [];
  private lengths: i32[] = [];
  private kinds: u8[] = [];

  /** `pattern` is ASCII. */
  add(pattern: string): void {
    const lower = pattern.toLowerCase();
    const isEnding = lower.charCodeAt(0) == 0x2a && lower.lastIndexOf('*') == 0 && !lower.includes('?');
    const text = isEnding ? lower.substring(1) : lower;
    const bytes = heap.alloc(text.length);
    for (let i = 0; i < text.length; i++) store<u8>(bytes + i, text.charCodeAt(i));
    this.ats.push(bytes);
    this.lengths.push(text.length);
    this.kinds.push(isEnding ? ending : lower.includes('*') || lower.includes('?') ? globbed : exact);
  }

  get count(): i32 {
    return this.ats.length;
  }

  /** The path is in lower case, its escapes undone. */
  has(at: usize, length: i32): bool {
    for (let i = 0, count = this.ats.length; i < count; i++) {
      const patternAt = unchecked(this.ats[i]);
      const patternLength = unchecked(this.lengths[i]);
      const kind = unchecked(this.kinds[i]);
      const found =
        kind == exact
          ? equalsBytes(at, length, patternAt, patternLength)
          : kind == ending
            ? endsWithBytes(at, length, patternAt, patternLength)
            : globBytes(at, length, patternAt, patternLength);
      if (found) return true;
    }
    return false;
  }
}
