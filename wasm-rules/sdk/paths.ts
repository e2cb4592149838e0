/**
 * Does a request's path begin with one of these? Asked of the path as it came and, where it has percent
 * codes, once decoded: `/%6cogin` is `/login` for most backends, and a rule on paths that it gets around
 * is none. A prefix that ends in `/` or is followed by one counts as a whole step: `/api` is not `/apis`.
 */
import { arenaMark, arenaRelease } from './arena';
import { startsWith } from './matcher';
import * as percent from './percent';
import { Request } from './request';
import { findByte } from './scan';

const slash: u8 = 0x2f;

export class Paths {
  constructor(private prefixes: string[]) {}

  get isEmpty(): bool {
    return this.prefixes.length == 0;
  }

  has(request: Request): bool {
    const at = request.pathAt;
    const length = request.pathLength;
    if (this.holds(at, length)) return true;
    if (this.isEmpty || findByte(at, at + length, 0x25) == at + length) return false;
    const mark = arenaMark();
    percent.decode(at, length, false);
    const found = this.holds(percent.decodedAt, percent.decodedLength);
    arenaRelease(mark);
    return found;
  }

  private holds(at: usize, length: i32): bool {
    for (let i = 0, count = this.prefixes.length; i < count; i++) {
      const prefix = unchecked(this.prefixes[i]);
      if (!startsWith(at, length, prefix)) continue;
      const size = prefix.length;
      if (length == size || prefix.endsWith('/') || load<u8>(at + size) == slash) return true;
    }
    return false;
  }
}

/** The first that is no path, or empty. */
export function notAPath(paths: string[]): string {
  for (let i = 0; i < paths.length; i++) {
    const path = paths[i];
    if (!path.startsWith('/') || path.includes('?') || path.includes('%') || path.length > 1024) return path;
  }
  return '';
}
