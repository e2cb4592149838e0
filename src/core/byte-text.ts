/** Text that was read byte for byte, one character each, as a person reads it: UTF-8 where it is some, else as it is. */
import { isUtf8 } from 'node:buffer';

export function readByteText(text: string): string {
  // Plain ASCII is its own reading, and what has characters above a byte was no byte text.
  if (!/[\u0080-\u00ff]/.test(text) || /[^\u0000-\u00ff]/.test(text)) return text;
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : text;
}
