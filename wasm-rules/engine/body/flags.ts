/** What the flags of a multipart body mean together. */
import { BodyFlag } from '../sink';

const strict: u32 =
  BodyFlag.processorError |
  BodyFlag.multipartBoundaryQuoted |
  BodyFlag.multipartBoundaryWhitespace |
  BodyFlag.multipartDataAfter |
  BodyFlag.multipartDataBefore |
  BodyFlag.multipartFileLimit |
  BodyFlag.multipartHeaderFolding |
  BodyFlag.multipartInvalidHeaderFolding |
  BodyFlag.multipartInvalidPart |
  BodyFlag.multipartInvalidQuoting |
  BodyFlag.multipartLfLine |
  BodyFlag.multipartMissingSemicolon;

/** `MULTIPART_STRICT_ERROR`. Only for bodies that the multipart parser read. */
export function isStrictError(flags: u32): bool {
  return (flags & strict) != 0;
}
