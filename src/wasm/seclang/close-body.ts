/**
 * A body that was cut at the end of a window, brought to an end that its parser takes: strings, containers, elements and
 * parts that were open are closed. Without this each long body would be one that cannot be read, and refused; and what
 * does not read before the cut still does not.
 */

export function closeJson(bytes: Buffer): Buffer {
  /** What closes each open container. */
  const open: number[] = [];
  let isString = false;
  let stringAt = 0;
  let isKey = false;
  /** Behind the last complete value, and how many containers were open there. */
  let safeAt = 0;
  let safeDepth = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isString) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) {
        isString = false;
        if (!isKey) {
          safeAt = at + 1;
          safeDepth = open.length;
        }
      }
      continue;
    }
    if (byte === 0x22) {
      isString = true;
      stringAt = at;
    } else if (byte === 0x7b || byte === 0x5b) {
      open.push(byte + 2);
      isKey = byte === 0x7b;
      safeAt = at + 1;
      safeDepth = open.length;
    } else if (byte === 0x7d || byte === 0x5d) {
      open.pop();
      isKey = false;
      safeAt = at + 1;
      safeDepth = open.length;
    } else if (byte === 0x2c) {
      isKey = open.at(-1) === 0x7d;
      safeAt = at;
      safeDepth = open.length;
    } else if (byte === 0x3a) isKey = false;
  }
  const closers = (depth: number): string =>
    String.fromCharCode(...open.slice(0, depth).toReversed());
  if (!isString || isKey)
    return Buffer.concat([bytes.subarray(0, safeAt), Buffer.from(closers(safeDepth))]);
  const end = stringEnd(bytes, stringAt);
  return Buffer.concat([bytes.subarray(0, end), Buffer.from(`"${closers(open.length)}`)]);
}

/** Before an escape or a character that the cut went through. */
function stringEnd(bytes: Buffer, from: number): number {
  const tail = Math.max(from + 1, bytes.length - escapeBytesMax);
  for (let at = tail; at < bytes.length; at++) {
    if (bytes[at] !== 0x5c) continue;
    let first = at;
    while (first > from + 1 && bytes[first - 1] === 0x5c) first--;
    const isEscape = (at - first) % 2 === 0;
    if (!isEscape) continue;
    const size = bytes[at + 1] === 0x75 ? 6 : 2;
    if (at + size > bytes.length) return at;
    at += size - 1;
  }
  return wholeCharacters(bytes);
}

const escapeBytesMax = 6;

/** Before a character of UTF-8 of which only a part is there. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return size > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

export function closeXml(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const open: string[] = [];
  let at = 0;
  while (at < text.length) {
    const tag = text.indexOf('<', at);
    if (tag < 0) break;
    const end = markupEnd(text, tag);
    if (end < 0) return closedAt(bytes, tag, open);
    const name = /^<(\/?)([^\s/>!?]+)/.exec(text.slice(tag, tag + nameBytesMax));
    if (name?.[1] === '/') open.pop();
    else if (name !== null && text[end - 2] !== '/') open.push(name[2] ?? '');
    at = end;
  }
  // In the midst of text: a reference that the cut went through goes.
  const reference = text.lastIndexOf('&');
  const isCut = reference > at && text.indexOf(';', reference) < 0;
  return closedAt(bytes, isCut ? reference : wholeCharacters(bytes), open);
}

const nameBytesMax = 256;

/** Behind a tag, a comment, a CDATA section or an instruction; -1 where it does not end. */
function markupEnd(text: string, at: number): number {
  for (const [begin, end] of markups)
    if (text.startsWith(begin, at)) {
      const found = text.indexOf(end, at + begin.length);
      return found < 0 ? -1 : found + end.length;
    }
  let quote = '';
  for (let byte = at + 1; byte < text.length; byte++) {
    const letter = text[byte] ?? '';
    if (quote !== '') {
      if (letter === quote) quote = '';
    } else if (letter === '"' || letter === "'") quote = letter;
    else if (letter === '>') return byte + 1;
  }
  return -1;
}

const markups = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
] as const;

function closedAt(bytes: Buffer, end: number, open: readonly string[]): Buffer {
  const closers = open.toReversed().map((name) => `</${name}>`);
  return Buffer.concat([bytes.subarray(0, end), Buffer.from(closers.join(''), 'latin1')]);
}

/** `delimiter` is `--` and the boundary. */
export function closeMultipart(bytes: Buffer, delimiter: Buffer): Buffer {
  const last = bytes.lastIndexOf(delimiter);
  const headEnd = last < 0 ? 0 : bytes.indexOf('\r\n\r\n', last);
  const isEnded = last >= 0 && bytes.toString('latin1', last + delimiter.length).startsWith('--');
  if (isEnded) return Buffer.concat([bytes.subarray(0, last), delimiter, ending]);
  // A part whose head is not whole yet is one of the next stretch.
  const kept = headEnd < 0 ? bytes.subarray(0, last) : bytes;
  const lineEnd = headEnd < 0 ? '' : '\r\n';
  return Buffer.concat([kept, Buffer.from(lineEnd), delimiter, ending]);
}

const ending = Buffer.from('--\r\n');
