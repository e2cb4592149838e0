/**
 * URLs that may be fetched, as prefixes: everything under one that ends in `/`, else that URL alone.
 *
 * Compared is what a client would really ask for, after normalisation by the URL standard. Where an origin
 * might read a path in another way than we do (dots and slashes escaped, backslashes) it is refused.
 */
export const urlCharactersMax = 2_048;

export type UrlPrefix = {
  readonly origin: string;
  /** For an exact one with its query. */
  readonly path: string;
  readonly isExact: boolean;
};

/** The prefix, or why the text is none. */
export function parseUrlPrefix(text: string): UrlPrefix | string {
  const url = parsePlainUrl(text);
  if (typeof url === 'string') return url;
  const isExact = !text.endsWith('/');
  if (!isExact && url.search !== '') return 'ends in "/" inside its query';
  return { origin: url.origin, path: url.pathname + url.search, isExact };
}

/** The URL in its normal form where one of the prefixes allows it, else null. */
export function allowedUrl(text: string, prefixes: readonly UrlPrefix[]): URL | null {
  const url = parsePlainUrl(text);
  if (typeof url === 'string') return null;
  const isAllowed = prefixes.some(({ origin, path, isExact }) => {
    if (origin !== url.origin) return false;
    return isExact ? path === url.pathname + url.search : url.pathname.startsWith(path);
  });
  return isAllowed ? url : null;
}

function parsePlainUrl(text: string): URL | string {
  if (text.length > urlCharactersMax) return `is longer than ${urlCharactersMax} characters`;
  // The standard drops tabs and line feeds and takes backslashes for slashes: such a text has no one meaning.
  if (!/^[\x21-\x7e]+$/.test(text) || text.includes('\\'))
    return 'holds blanks, backslashes or other than visible ASCII characters';
  if (!URL.canParse(text)) return 'is no URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return 'is neither https:// nor http://';
  if (url.username !== '' || url.password !== '' || /^[a-z]+:\/\/[^/?#]*@/i.test(text))
    return 'holds a user name';
  if (text.includes('#')) return 'holds a fragment';
  const path = text.replace(/[?].*$/, '');
  if (/(?:^|\/)\.\.?(?:\/|$)|%(?:2e|2f|5c|00)/i.test(path))
    return 'has a path with dots or escaped separators';
  return url;
}
