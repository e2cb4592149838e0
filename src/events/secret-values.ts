/**
 * The secret values of one request's head: of parameters, cookies, fields and segments of the path whose name says
 * so. Rules report pieces, cut anywhere and without their name; a piece that holds one of these values, lies in one
 * or overlaps its end is not shown.
 *
 * A body is gone when the request ends, so nothing is known here of its values: pieces of it are shown by the name
 * of their parameter, or in shape only (`redact-match.ts`).
 */
import { hidden, maskSecrets, undoEncoding } from '#core/mask-secrets.ts';
import { isSecretName } from '#core/secret-names.ts';
import type { RequestView } from '#waf/request-view.ts';

/** Shorter ones are hidden by their names alone: they stand in too much that is none of them. */
const valueCharactersMin = 4;
/** Of cookies that are not called a secret. */
const cookieCharactersMin = 6;
const valuesMax = 64;
const valueCharactersMax = 4_096;
const textCharactersMax = 16_384;
const layersMax = 4;
/** A shorter piece says nothing of the value it may be cut from. */
const overlapCharactersMin = 4;

export class SecretValues {
  readonly #values = new Set<string>();

  static ofHead(view: RequestView): SecretValues {
    const values = new SecretValues();
    const { bytes } = view;
    values.#path(bytes.toString('latin1', view.pathStart, view.pathEnd));
    if (view.queryStart >= 0)
      values.#pairs(bytes.toString('latin1', view.queryStart, view.targetEnd), '&');
    for (let i = 0; i < view.headerCount; i++) {
      const name = view.headerName(i).toLowerCase();
      if (name === 'cookie') values.#pairs(view.headerValue(i), ';', true);
      else if (isSecretName(name)) values.#field(view.headerValue(i));
      else if (name === 'referer') values.#pairs(view.headerValue(i).replace(/^[^?]*\?/, ''), '&');
    }
    return values;
  }

  /** A piece that was cut from the request, without any of them; latin1. */
  hide(piece: string): string {
    const lower = piece.toLowerCase();
    for (const value of this.#values) if (overlaps(lower, value)) return hidden;
    return this.erase(piece);
  }

  /** A text that is whole, without any of them. */
  erase(text: string): string {
    let at = text;
    for (const value of this.#values) {
      const lower = at.toLowerCase();
      if (lower.includes(value)) at = without(at, lower, value);
    }
    return at;
  }

  /** What a rule has found under a name that means a secret. */
  add(value: string): void {
    this.#add(value);
  }

  #path(path: string): void {
    let isAfterName = false;
    for (const segment of path.slice(0, textCharactersMax).split('/')) {
      const [first = '', ...parameters] = segment.split(';');
      if (isAfterName && looksLikeValue(first)) this.#add(first);
      isAfterName = isSecretName(first);
      this.#pairs(parameters.join(';'), ';');
    }
  }

  #pairs(text: string, separator: string, all = false): void {
    for (const pair of text.slice(0, textCharactersMax).split(separator)) {
      const equals = pair.indexOf('=');
      const isNamed = equals > 0 && isSecretName(pair.slice(0, equals));
      if (isNamed) this.#add(pair.slice(equals + 1));
      else if (all) this.#add(pair.slice(equals + 1), cookieCharactersMin);
    }
  }

  /** `Bearer TOKEN`: the token alone may turn up elsewhere. */
  #field(value: string): void {
    this.#add(value);
    const space = value.indexOf(' ');
    if (space <= 0) return;
    const rest = value.slice(space + 1);
    this.#add(rest);
    if (/^basic /i.test(value))
      for (const part of Buffer.from(rest, 'base64').toString('latin1').split(':')) this.#add(part);
  }

  /** As it came, and with its encodings undone, which is how rules see it. */
  #add(value: string, charactersMin = valueCharactersMin): void {
    let at = value.trim().slice(0, valueCharactersMax);
    for (let layer = 0; layer <= layersMax; layer++) {
      for (const form of [at, at.replaceAll('+', ' ')])
        if (form.length >= charactersMin && this.#values.size < valuesMax)
          this.#values.add(form.toLowerCase());
      const next = undoEncoding(at);
      if (next === at) return;
      at = next;
    }
  }
}

/** The path without its secrets: what follows a segment that names one, and what is one by its form. */
export function maskPath(path: string): string {
  let isAfterName = false;
  const segments = path.split('/').map((segment) => {
    const [first = '', ...parameters] = segment.split(';');
    const isHidden = isAfterName && looksLikeValue(first);
    isAfterName = isSecretName(first);
    return [isHidden ? hidden : first, ...parameters].join(';');
  });
  return maskSecrets(segments.join('/'));
}

/** Words follow words in paths (`/auth/login`); what follows as a value has digits, capitals or length. */
const looksLikeValue = (segment: string): boolean =>
  segment.length >= 20 || /[0-9A-Z%]/.test(segment);

function overlaps(text: string, value: string): boolean {
  if (text.length >= overlapCharactersMin && value.includes(text)) return true;
  const longest = Math.min(text.length, value.length);
  for (let length = overlapCharactersMin; length < longest; length++)
    if (text.startsWith(value.slice(-length)) || text.endsWith(value.slice(0, length))) return true;
  return false;
}

function without(text: string, lower: string, value: string): string {
  let result = '';
  let from = 0;
  for (let at = lower.indexOf(value); at >= 0; at = lower.indexOf(value, from)) {
    result += text.slice(from, at) + hidden;
    from = at + value.length;
  }
  return result + text.slice(from);
}
