/**
 * What rules see of an answer's body: of one with a Content-Encoding the beginning of what the client will read, as much as
 * the engine takes in one call. What stands behind the window of such an answer is not looked at, as it would have to be undone from the
 * beginning on; a coding that is not known, or not what the answer says, is shown as it came.
 */
import type { ResponseView } from '#waf/response-view.ts';
import type { BodyWindow } from '../filter.ts';
import { CodedStream, codingsField, codingsOf } from './coded-body.ts';
import type { BodyBytes } from './engine-instance.ts';

/** Null where nothing of the window is to be shown. */
export function answerBody(
  response: ResponseView,
  { bytes, isWhole, isFirst }: BodyWindow,
  bytesMax: number,
): BodyBytes | null {
  const codings = codingsField(response);
  if (codings === '' || codingsOf(codings).length === 0) return { bytes, isWhole };
  using stream = CodedStream.of(codings, 'brief');
  if (stream === null) return { bytes, isWhole };
  if (!isFirst) return null;
  const decoded = stream.pushLast(bytes, bytesMax);
  if (typeof decoded === 'string') return { bytes, isWhole };
  return { bytes: decoded, isWhole: isWhole && decoded.length < bytesMax };
}
