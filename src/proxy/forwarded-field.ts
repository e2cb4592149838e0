/**
 * The `for` parameters of a Forwarded field (RFC 7239), one for each element, as address text.
 *
 * What is no address (`unknown`, an obfuscated `_name`, no `for` at all, anything that breaks the grammar)
 * becomes an empty text in its place, so that whoever counts from the right stops there and does not slip
 * to the element before it.
 */

const element =
  /^\s*(?:[A-Za-z0-9!#$%&'*+.^_`|~-]+=(?:[A-Za-z0-9!#$%&'*+.^_`|~-]+|"(?:[^"\\]|\\.)*")(?:;|(?=\s*$)))+\s*$/;
const pair = /([A-Za-z0-9!#$%&'*+.^_`|~-]+)=(?:([A-Za-z0-9!#$%&'*+.^_`|~-]+)|"((?:[^"\\]|\\.)*)")/g;
/** `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`; the IPv6 forms come quoted. */
const node = /^(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?$/;

export function forwardedFor(value: string): string[] {
  return splitOutsideQuotes(value).map(nodeOf);
}

function nodeOf(text: string): string {
  if (!element.test(text)) return '';
  const named = [...text.matchAll(pair)].filter(([, name]) => name?.toLowerCase() === 'for');
  // A parameter may stand once in an element.
  if (named.length !== 1) return '';
  const [, , token, quoted] = named[0] as RegExpMatchArray;
  const match = node.exec(token ?? quoted ?? '');
  return match?.[1] ?? match?.[2] ?? '';
}

function splitOutsideQuotes(value: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < value.length; at++) {
    const char = value.charCodeAt(at);
    if (char === 34) quoted = !quoted;
    else if (char === 92 && quoted) at++;
    else if (char === 44 && !quoted) {
      parts.push(value.slice(start, at));
      start = at + 1;
    }
  }
  // A quote that is never closed takes everything behind it with it: nothing of it can be believed.
  parts.push(quoted ? '' : value.slice(start));
  return parts;
}
