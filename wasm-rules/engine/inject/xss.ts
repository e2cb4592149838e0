/**
 * `detectXSS` — whether a value brings script into a page: it is walked as text, and as the inside of an attribute's
 * value, bare and for each kind of quote in it.
 */
import { holdsScriptInText, holdsScriptInValue } from './html';

export function detectXss(at: usize, length: i32): bool {
  let hasTag = false;
  let hasEquals = false;
  let single = false;
  let double = false;
  let back = false;
  const end = at + length;
  for (let byte = at; byte < end; byte++) {
    switch (load<u8>(byte)) {
      case 0x3c:
        hasTag = true;
        break;
      case 0x3d:
        hasEquals = true;
        break;
      case 0x27:
        single = true;
        break;
      case 0x22:
        double = true;
        break;
      case 0x60:
        back = true;
        break;
    }
  }
  if (hasTag && holdsScriptInText(at, length)) return true;
  // Without an equals sign no attribute gets a value.
  if (!hasEquals) return false;
  return (
    holdsScriptInValue(at, length, 0) ||
    (single && holdsScriptInValue(at, length, 0x27)) ||
    (double && holdsScriptInValue(at, length, 0x22)) ||
    (back && holdsScriptInValue(at, length, 0x60))
  );
}
