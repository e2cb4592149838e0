/**
 * `normalizePath`, `normalizePathWin` — empty segments and `.` go, `..` takes the segment before it, as far as there
 * is one; on Windows a backslash is a slash. A path that did not end with a slash does not afterwards.
 *
 * The walk is the reference's own, kept in its order of steps: rules are written to what it does with the odd cases
 * (`ab..` is taken for a parent, `/..` stops at the root). It works on a copy, as it reads what it wrote.
 */
export function normalizePath(from: usize, length: i32, into: usize, isWindows: bool): i32 {
  if (length == 0 || isNormal(from, length, isWindows)) return -1;
  memory.copy(into, from, length);
  const written = normalize(into, length, isWindows);
  if (written == length && memory.compare(into, from, length) == 0) return -1;
  return written;
}

const slash: u8 = 0x2f;
const dot: u8 = 0x2e;

/** No empty segment, none that ends with a dot: most paths, and the walk is not worth its while. */
function isNormal(from: usize, length: i32, isWindows: bool): bool {
  const last = from + length - 1;
  if (load<u8>(last) == dot || (isWindows && load<u8>(last) == 0x5c)) return false;
  let at = from;
  const slashes = i8x16.splat(slash);
  const dots = i8x16.splat(dot);
  const backslashes = i8x16.splat(isWindows ? 0x5c : slash);
  for (; at + 16 <= last; at += 16) {
    const block = v128.load(at);
    const marks = v128.or(i8x16.eq(block, slashes), i8x16.eq(block, dots));
    const after = i8x16.eq(v128.load(at, 1), slashes);
    const odd = isWindows ? i8x16.eq(block, backslashes) : i8x16.splat(0);
    if (v128.any_true(v128.or(v128.and(marks, after), odd))) return false;
  }
  for (; at < last; at++) {
    const byte = load<u8>(at);
    if (isWindows && byte == 0x5c) return false;
    if ((byte == slash || byte == dot) && load<u8>(at, 1) == slash) return false;
  }
  return true;
}

function normalize(at: usize, length: i32, isWindows: bool): i32 {
  if (isWindows) toSlashes(at, length);
  const last = length - 1;
  const isRelative = load<u8>(at) != slash;
  const isTrailing = load<u8>(at + last) == slash;
  let source = 0;
  let target = 0;
  let hitRoot = false;
  let isDone = false;
  while (!isDone && source <= last && target <= last) {
    const byte = load<u8>(at + source);
    if (source == last) isDone = true;
    const isSegmentEnd = isDone || load<u8>(at + source + 1) == slash;
    if (isSegmentEnd && byte == dot) {
      const before = target > 0 ? load<u8>(at + target - 1) : 0;
      if (target > 0 && before == dot) {
        if (isRelative && (hitRoot || target <= 2)) hitRoot = true;
        else {
          target -= 3;
          while (target > 0 && load<u8>(at + target) != slash) target--;
          if (target <= 0) {
            hitRoot = true;
            target = !isRelative && isDone ? 1 : 0;
          }
          if (isDone) break;
          source++;
        }
      } else if (target == 0) {
        if (isDone) break;
        source++;
      } else if (before == slash) {
        if (isDone) break;
        target--;
        source++;
      }
    } else if (isSegmentEnd && (byte != slash || isDone) && target > 0) hitRoot = false;

    if (load<u8>(at + source) == slash) {
      while (source < last && load<u8>(at + source + 1) == slash) source++;
      if (isRelative && target == 0) {
        source++;
        continue;
      }
    }
    store<u8>(at + target++, load<u8>(at + source++));
  }
  if (!isTrailing && target > 0 && load<u8>(at + target - 1) == slash) target--;
  return target;
}

function toSlashes(at: usize, length: i32): void {
  for (let i = 0; i < length; i++) if (load<u8>(at + i) == 0x5c) store<u8>(at + i, slash);
}
