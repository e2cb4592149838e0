/**
 * Takes what is secret out of a piece of a request, whatever it is a piece of: a query, a form, JSON, XML, fields,
 * a part of multipart, a line of text, with encodings around it.
 *
 * ```
 * text ─► mask ─► undo one layer of encoding ─► mask ─► … ─► nothing more to undo
 * ```
 *
 * What is found at any layer is left out of that layer's text, which is then what is shown; a text without a find
 * is shown as it came. The shape alone is looked at, so a text cut in the middle of a value does not say that it is
 * a secret: who knows the name of what was cut asks `isSecretName`. Texts are bounded by the caller, and no pattern
 * goes back over more than its own match.
 */
import { maskForms } from './secret-forms.ts';
import { isSecretName } from './secret-names.ts';

export const hidden = '***';

/** Layers of encoding that are undone; a text with more of them is hidden whole. */
const layersMax = 6;

export function maskSecrets(text: string): string {
  let at = text;
  let isMasked = false;
  for (let layer = 0; layer < layersMax; layer++) {
    const masked = maskLayer(at);
    if (masked !== at) isMasked = true;
    const next = undoEncoding(masked);
    if (next === masked) return isMasked ? masked : text;
    at = next;
  }
  return hidden;
}

/** Everything of a text but its shape: letters and digits become stars, what stands between them stays. */
export const shapeOf = (text: string): string => text.replaceAll(/[\p{L}\p{N}]/gu, '*');

/** Percent, JSON, JavaScript and HTML escapes, one layer of each. */
export function undoEncoding(text: string): string {
  if (!/[%\\&]/.test(text)) return text;
  return text
    .replaceAll(/%u([0-9a-f]{4})/gi, fromHex)
    .replaceAll(/%([0-9a-f]{2})/gi, fromHex)
    .replaceAll(/\\u\{?([0-9a-f]{4})\}?/gi, fromHex)
    .replaceAll(/\\x([0-9a-f]{2})/gi, fromHex)
    .replaceAll(/\\(["'/\\])/g, '$1')
    .replaceAll(/&#x0{0,5}([0-9a-f]{1,4});?/gi, fromHex)
    .replaceAll(/&#0{0,5}([0-9]{1,5});?/g, (_, digits: string) =>
      String.fromCharCode(Number(digits)),
    )
    .replaceAll(
      /&(amp|quot|apos|lt|gt|equals|colon);/gi,
      (_, name: string) => entities[name.toLowerCase()] ?? '',
    );
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  quot: '"',
  apos: "'",
  lt: '<',
  gt: '>',
  equals: '=',
  colon: ':',
};

const fromHex = (_: string, hex: string): string => String.fromCharCode(Number.parseInt(hex, 16));

function maskLayer(text: string): string {
  return maskPairs(maskFields(maskElements(maskJson(maskParts(maskForms(text))))));
}

/** `name="password"`, further fields, an empty line, the value up to the next boundary. */
function maskParts(text: string): string {
  if (!text.includes('\n')) return text;
  let result = '';
  let from = 0;
  const names = /\bname=(?:"([^"\r\n]{0,256})"|([^;\s"=]{1,256}))/gi;
  for (let name = names.exec(text); name !== null; name = names.exec(text)) {
    if (!isSecretName(name[1] ?? name[2] ?? '')) continue;
    const start = endOf(text, name.index, /\r?\n\r?\n/);
    result += text.slice(from, start) + (start < text.length ? `\r\n\r\n${hidden}` : '');
    from = start < text.length ? endOf(text, start + 2, /\r?\n--/) : start;
    names.lastIndex = Math.max(from, names.lastIndex);
  }
  return result + text.slice(from);
}

/** `Authorization: …`, `Cookie: …` at the beginning of a line, to its end. */
function maskFields(text: string): string {
  return text.replaceAll(
    /(^|[\r\n])([\w.-]{1,64})([ \t]*:[ \t]*)([^\r\n]+)/g,
    (whole, before: string, name: string, colon: string) =>
      isSecretName(name) ? `${before}${name}${colon}${hidden}` : whole,
  );
}

/** `password=…` up to what separates pairs everywhere: an ampersand, or the end of the line. */
function maskPairs(text: string): string {
  let result = '';
  let from = 0;
  for (let at = text.indexOf('='); at >= 0; at = text.indexOf('=', Math.max(from, at + 1))) {
    if (!isSecretName(nameBefore(text, at))) continue;
    let start = at + 1;
    while (text[start] === ' ' || text[start] === '\t') start++;
    const end = endOf(text, start, /[&\r\n]/);
    if (end === start) continue;
    result += text.slice(from, start) + hidden;
    from = end;
  }
  return result + text.slice(from);
}

const nameCharactersMax = 256;

/** What stands before an equals sign, back to what separates names. */
function nameBefore(text: string, equals: number): string {
  let end = equals;
  while (end > 0 && /["'\s]/.test(text[end - 1] ?? '')) end--;
  let start = end;
  while (
    start > 0 &&
    end - start < nameCharactersMax &&
    !/[\s&=?;,"'<>{}()]/.test(text[start - 1] ?? '')
  )
    start--;
  return text.slice(start, end);
}

function endOf(text: string, start: number, ending: RegExp): number {
  const end = text.slice(start).search(ending);
  return end < 0 ? text.length : start + end;
}

/** `<password>…`, with attributes, to the tag that ends it. */
function maskElements(text: string): string {
  if (!text.includes('<')) return text;
  let result = '';
  let from = 0;
  const tags = /<([\w:.-]{1,64})(?:\s[^<>]*)?>/g;
  for (let tag = tags.exec(text); tag !== null; tag = tags.exec(text)) {
    if (!isSecretName(tag[1] ?? '')) continue;
    const start = tag.index + tag[0].length;
    result += text.slice(from, start) + hidden;
    from = endOf(text, start, /<\//);
    tags.lastIndex = from;
  }
  return result + text.slice(from);
}

/** `"password": …` with any value, also where the name has no quotes, and pairs that are told in two members. */
function maskJson(text: string): string {
  let result = '';
  let from = 0;
  const names =
    /(?:"((?:[^"\\]|\\.){1,256})"|'((?:[^'\\]|\\.){1,256})'|([A-Za-z_$][\w$-]{0,127}))\s{0,8}([:,])\s{0,8}(?=["'[{\d\-tfnA-Za-z_])/g;
  for (let match = names.exec(text); match !== null; match = names.exec(text)) {
    const [whole, double, single, bare, separator] = match;
    // A list `["password", "hunter2"]` says it with a comma, and then with quotes alone.
    if (
      separator === ',' &&
      (bare !== undefined || !/["']/.test(text[match.index + whole.length] ?? ''))
    )
      continue;
    if (!isSecretName(double ?? single ?? bare ?? '')) continue;
    const start = match.index + whole.length;
    if (start < from) continue;
    result += `${text.slice(from, start)}${hidden}`;
    from = endOfValue(text, start);
    names.lastIndex = Math.max(from, start + 1);
  }
  return maskNamedMembers(result + text.slice(from));
}

/** `{"name": "password", "value": "…"}`: the whole of the innermost object. */
function maskNamedMembers(text: string): string {
  if (!text.includes('{')) return text;
  return text.replaceAll(/\{([^{}]{1,4096})(?:\}|$)/g, (whole, inner: string) => {
    const named =
      /["'](?:name|key|field|id|param|parameter|header)["']\s*:\s*(?:"([^"]{1,128})"|'([^']{1,128})')/i.exec(
        inner,
      );
    return named !== null && isSecretName(named[1] ?? named[2] ?? '') ? `{${hidden}}` : whole;
  });
}

function endOfValue(text: string, start: number): number {
  const first = text[start] ?? '';
  if (first === '"' || first === "'") return endOfString(text, start, first);
  if (first !== '{' && first !== '[') return endOf(text, start, /[,}\]\r\n&]/);
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '"' || char === "'") at = endOfString(text, at, char) - 1;
    else if (char === '{' || char === '[') depth++;
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1;
  }
  return text.length;
}

function endOfString(text: string, start: number, quote: string): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === quote) return at + 1;
  }
  return text.length;
}
