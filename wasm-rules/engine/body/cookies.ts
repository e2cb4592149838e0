/**
 * A Cookie field (`SecCookieFormat 0`): pairs between semicolons, white space before the name gone, name and value at
 * the first `=`, nothing decoded. A name may begin with `$`; a pair without a name is none.
 */
import { Collection, emitValue } from '../sink';
import { isSpace } from '../transform/plain';

export function parseCookies(at: usize, length: i32): void {
  const end = at + length;
  while (at < end) {
    while (at < end && isSpace(load<u8>(at))) at++;
    const name = at;
    let equals: usize = 0;
    for (; at < end && load<u8>(at) != 0x3b; at++) if (equals == 0 && load<u8>(at) == 0x3d) equals = at;
    const nameEnd = equals == 0 ? at : equals;
    const value = equals == 0 ? at : equals + 1;
    if (nameEnd > name)
      emitValue(Collection.cookies, name, <i32>(nameEnd - name), value, <i32>(at - value));
    at++;
  }
}
