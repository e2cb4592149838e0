/**
 * Which headers carry paths.
 *
 * Asked the other way round, because a backend may read any header it likes: all do (cookies,
 * `X-Original-URL`, `Destination`, whatever an application invents) except those whose grammar has no
 * room for a path or whose text is prose, where `..` and `\` are ordinary.
 */
import { startsWithIgnoreCase } from '../../sdk/bytes';
import { NameSet } from '../../sdk/name-set';
import { fieldHeader, fieldNone, fieldReferer } from './kinds';

const referer = new NameSet(['referer']);

const plain = new NameSet([
  'te',
  'dnt',
  'via',
  'host',
  'date',
  'from',
  'range',
  'accept',
  'origin',
  'pragma',
  'expect',
  'upgrade',
  'purpose',
  'if-match',
  'if-range',
  'priority',
  'user-agent',
  'connection',
  'keep-alive',
  'content-type',
  'max-forwards',
  'cache-control',
  'if-none-match',
  'authorization',
  'content-length',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'if-modified-since',
  'transfer-encoding',
  'proxy-authorization',
  'if-unmodified-since',
]);

export function headerField(nameAt: usize, nameLength: i32): i32 {
  if (plain.indexOf(nameAt, nameLength) >= 0) return fieldNone;
  if (referer.indexOf(nameAt, nameLength) >= 0) return fieldReferer;
  // `sec-ch-ua` has quoted nonsense on purpose (`"Not\\A;Brand"`); `sec-websocket-key` is base64.
  return startsWithIgnoreCase(nameAt, nameLength, 'sec-') ? fieldNone : fieldHeader;
}
