/** What a response may cost before it is refused with 502, whatever protocol it came by. */

/** Response heads beyond this are refused. */
export const responseHeadBytesMax = 65_536;
export const responseHeadersMax = 256;
/** Informational responses before the final one; beyond it the origin is at fault. */
export const informationalMax = 16;
