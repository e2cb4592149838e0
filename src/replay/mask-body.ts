/** The secrets of a body, made unreadable in place (`mask-request.ts`). What it is, its own look says. */
import { maskForms } from '#core/secret-forms.ts';
import { isSecretName } from '#core/secret-names.ts';
import type { SecretFiller } from './fill-secret.ts';
import { maskJson } from './mask-json.ts';
import { maskPairs } from './mask-text.ts';
import { parseJson } from './recorded-request.ts';

export function maskBody(bytes: Buffer, filler: SecretFiller): void {
  if (bytes.length === 0) return;
  const text = bytes.toString('latin1');
  if (/^\s*[[{"]/.test(text)) {
    maskJson(bytes, filler);
    if (parseJson(bytes.toString('utf8')) !== undefined) return;
    // Cut off, or only the look of it: names and values without quotes are still to be found.
    maskLines(bytes, filler);
  } else if (/\bname=/i.test(text) && /\r?\n\r?\n/.test(text)) {
    maskParts(bytes, filler);
    maskLines(bytes, filler);
  } else {
    maskLines(bytes, filler);
    maskPairs(bytes, 0, bytes.length, filler);
  }
  maskWords(bytes, filler);
}

/** `name="password"`, further fields, an empty line, the value up to the next boundary. */
function maskParts(bytes: Buffer, filler: SecretFiller): void {
  const part =
    /\bname=("[^"\r\n]{0,512}"|[^;\s"]{1,512})[^\r\n]*(?:\r?\n[^\r\n]+){0,16}\r?\n\r?\n([\s\S]*?)(?=\r?\n--|$)/dgi;
  for (const { 1: name = '', indices } of bytes.toString('latin1').matchAll(part)) {
    const [start, end] = indices?.[2] ?? [0, 0];
    if (isSecretName(name)) filler.fill(bytes, start, end);
    else if (end - start <= pairsBytesMax) maskPairs(bytes, start, end, filler);
  }
}

/** A part that is longer is a file, of which lines and words are looked at. */
const pairsBytesMax = 16_384;

/** `password: …` and `password=…` to the end of the line or pair, `<password>…` to the next tag. */
function maskLines(bytes: Buffer, filler: SecretFiller): void {
  fillNamed(bytes, filler, /<([\w:.-]{1,64})(?:\s[^<>]{0,512})?>([\s\S]{1,4096}?)(?=<\/|$)/dg);
  fillNamed(
    bytes,
    filler,
    /(?<![\w.$[\]%-])([\w.$[\]%-]{1,128})["']?[ \t]{0,4}[=:][ \t]{0,4}["']?([^&\r\n<"']{1,8192})/dg,
  );
}

function fillNamed(bytes: Buffer, filler: SecretFiller, pattern: RegExp): void {
  for (const { 1: name = '', indices } of bytes.toString('latin1').matchAll(pattern)) {
    const [start, end] = indices?.[2] ?? [0, 0];
    if (isSecretName(name)) filler.fill(bytes, start, end);
  }
}

/** Tokens and keys that are known by their own form, wherever they stand. */
function maskWords(bytes: Buffer, filler: SecretFiller): void {
  const word = /\b(?:Bearer|Basic|Token) +[^\s"'<>&]{4,4096}|[^\s"'<>&,;]{12,4096}/gi;
  for (const { 0: found, index } of bytes.toString('latin1').matchAll(word))
    if (maskForms(found) !== found) filler.fill(bytes, index, index + found.length);
}
