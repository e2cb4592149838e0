/**
 * The users of a fleet in a `nats-server.conf` that somebody may have changed since: what stands between the brackets
 * of `users` in the account WEIR is Weir's, every other byte stays as it is.
 *
 * It reads as much of the format as it takes to find the two brackets: strings, comments, and what is nested.
 */
import { WeirError } from '#core/errors.ts';
import { type ServerUser, usersText } from './server-config.ts';

/** Throws FLEET_FOLDER_INVALID where there is no such place. */
export function withUsers(
  text: string,
  fleet: string,
  users: readonly ServerUser[],
  path: string,
): string {
  const place = usersPlace(text);
  if (place === null)
    throw new WeirError(
      'FLEET_FOLDER_INVALID',
      `${path} has no list "users: [ … ]" in an account WEIR, where the members of the fleet stand`,
      { details: ['put one there, or move the file away: "weir fleet update" then makes it anew'] },
    );
  return `${text.slice(0, place.from)}\n${usersText(fleet, users)}\n    ${text.slice(place.to)}`;
}

/** Public keys by the member that the comment before each user names, as every version has written them. */
export function usersOf(text: string): ReadonlyMap<string, string> {
  const users = text.matchAll(
    /^\s*# ([a-z0-9-]+), (?:node|orchestrator)\s+\{\s+nkey: (U[A-Z2-7]{55})\s/gm,
  );
  return new Map([...users].map(([, id = '', key = '']) => [id, key]));
}

/** Between the brackets. */
function usersPlace(text: string): { readonly from: number; readonly to: number } | null {
  const plain = withoutWords(text);
  const account = /(?:^|[\s{;,])WEIR\s*[:=]?\s*\{/.exec(plain);
  if (account === null) return null;
  const from = account.index + account[0].length;
  const to = closing(plain, from, '{', '}');
  if (to === null) return null;
  const users = /(?:^|[\s{;,])users\s*[:=]?\s*\[/.exec(plain.slice(from, to));
  if (users === null) return null;
  const begin = from + users.index + users[0].length;
  const end = closing(plain, begin, '[', ']');
  return end === null ? null : { from: begin, to: end };
}

/** Strings and comments as blanks, so that every place is where it was. */
const withoutWords = (text: string): string =>
  text.replaceAll(/"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#.*$|\/\/.*$/gm, (words) =>
    ' '.repeat(words.length),
  );

function closing(text: string, from: number, open: string, close: string): number | null {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === open) depth++;
    else if (text[at] === close && --depth === 0) return at;
  }
  return null;
}
