/**
 * Who a login is for: the field of a form, urlencoded or in parts, or the key of a JSON object. Bodies are hostile and
 * cut off at the window, so a name is read or it is not, and nothing else comes of it.
 */

/** As long as an address of electronic mail can be. */
export const userCharactersMax = 254;

/** In the spelling that counts; null where the body names nobody. */
export function loginUser(body: Buffer, field: string): string | null {
  const value = looksLikeJson(body)
    ? jsonField(body, field)
    : looksLikeParts(body)
      ? partNamed(body, field)
      : formField(body, field);
  if (value === null) return null;
  const user = value.trim().toLowerCase();
  return user === '' || user.length > userCharactersMax ? null : user;
}

const whitespace = new Set([9, 10, 13, 32]);
const BRACE = 123;

function looksLikeJson(body: Buffer): boolean {
  let at = 0;
  while (at < body.length && whitespace.has(body[at] as number)) at++;
  return body[at] === BRACE;
}

function jsonField(body: Buffer, field: string): string | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return null;
    const named = (value as Record<string, unknown>)[field];
    return typeof named === 'string' ? named : typeof named === 'number' ? String(named) : null;
  } catch {
    return null;
  }
}

/** A delimiter and a line end; no form has a line end in its first pair. */
function looksLikeParts(body: Buffer): boolean {
  return /^(?:\r\n)?--[^\r\n]{1,200}\r\n/.test(body.toString('latin1', 0, delimiterBytesMax));
}

/** The text of the first part of that name, as origins take it; a file is none. */
function partNamed(body: Buffer, field: string): string | null {
  const text = body.toString('latin1');
  const delimiter = text.slice(text.indexOf('--'), text.indexOf('\r\n', text.indexOf('--')));
  for (const part of text.split(`${delimiter}\r\n`, partsMax).slice(1)) {
    const headEnd = part.indexOf('\r\n\r\n');
    const disposition = /^content-disposition:(.*)$/im.exec(part.slice(0, headEnd))?.[1] ?? '';
    const [, quoted, bare] =
      /;[ \t]*name[ \t]*=[ \t]*(?:"([^"]*)"|([^\s;"]+))/i.exec(disposition) ?? [];
    if (headEnd < 0 || (quoted ?? bare) !== field || /;[ \t]*filename/i.test(disposition)) continue;
    const value = part.slice(headEnd + 4);
    const end = value.indexOf(`\r\n${delimiter}`);
    const bytes = Buffer.from(end < 0 ? value.replace(/\r\n$/, '') : value.slice(0, end), 'latin1');
    return bytes.toString('utf8');
  }
  return null;
}

/** A boundary has 70 characters at most. */
const delimiterBytesMax = 256;
const partsMax = 100;

function formField(body: Buffer, field: string): string | null {
  const text = body.toString('latin1');
  for (const pair of text.split('&', pairsMax)) {
    const equals = pair.indexOf('=');
    if (equals < 0 || decode(pair.slice(0, equals)) !== field) continue;
    return decode(pair.slice(equals + 1, equals + 1 + userCharactersMax * escapeCharacters));
  }
  return null;
}

const pairsMax = 1_000;
/** A character of UTF-8 is four escapes at most. */
const escapeCharacters = 12;

function decode(text: string): string {
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
