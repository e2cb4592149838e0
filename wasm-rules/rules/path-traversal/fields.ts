/**
 * Which headers carry paths.
 *
 * Asked the other way round, because a backend may read any header it likes: all do (cookies,
 * `X-Original-URL`, `Destination`, whatever an application invents) except those whose grammar has no
 * room for a path or whose text is prose, where `..` and `\` are ordinary.
 */
import { equalsIgnoreCase, startsWithIgnoreCase } from '../../sdk/bytes';
import { fieldHeader, fieldNone, fieldReferer } from './kinds';

export function headerField(nameAt: usize, nameLength: i32): i32 {
  // Ordered by length so that most names cost one comparison.
  switch (nameLength) {
    case 2:
      return plain(nameAt, 2, 'te');
    case 3:
      return plain(nameAt, 3, 'dnt') & plain(nameAt, 3, 'via');
    case 4:
      return plain(nameAt, 4, 'host') & plain(nameAt, 4, 'date') & plain(nameAt, 4, 'from');
    case 5:
      return plain(nameAt, 5, 'range');
    case 6:
      return (
        plain(nameAt, 6, 'accept') &
        plain(nameAt, 6, 'origin') &
        plain(nameAt, 6, 'pragma') &
        plain(nameAt, 6, 'expect')
      );
    case 7:
      if (equalsIgnoreCase(nameAt, 7, 'referer')) return fieldReferer;
      return plain(nameAt, 7, 'upgrade') & plain(nameAt, 7, 'purpose');
    case 8:
      return (
        plain(nameAt, 8, 'if-match') & plain(nameAt, 8, 'if-range') & plain(nameAt, 8, 'priority')
      );
    case 10:
      return (
        plain(nameAt, 10, 'user-agent') &
        plain(nameAt, 10, 'connection') &
        plain(nameAt, 10, 'keep-alive')
      );
    case 12:
      return plain(nameAt, 12, 'content-type') & plain(nameAt, 12, 'max-forwards');
    case 13:
      return (
        plain(nameAt, 13, 'cache-control') &
        plain(nameAt, 13, 'if-none-match') &
        plain(nameAt, 13, 'authorization')
      );
    case 14:
      return plain(nameAt, 14, 'content-length') & plain(nameAt, 14, 'accept-charset');
    case 15:
      return plain(nameAt, 15, 'accept-encoding') & plain(nameAt, 15, 'accept-language');
    case 17:
      return plain(nameAt, 17, 'if-modified-since') & plain(nameAt, 17, 'transfer-encoding');
    case 19:
      return plain(nameAt, 19, 'proxy-authorization') & plain(nameAt, 19, 'if-unmodified-since');
  }
  // `sec-ch-ua` has quoted nonsense on purpose (`"Not\\A;Brand"`); `sec-websocket-key` is base64.
  return startsWithIgnoreCase(nameAt, nameLength, 'sec-') ? fieldNone : fieldHeader;
}

/** Nothing for the header of that name, else `fieldHeader`. */
function plain(nameAt: usize, nameLength: i32, name: string): i32 {
  return equalsIgnoreCase(nameAt, nameLength, name) ? fieldNone : fieldHeader;
}
