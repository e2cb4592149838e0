/**
 * Which names mean secrets: of parameters, fields, cookies, keys of JSON, elements of XML. The one list of it: events
 * are masked by it, and whatever else keeps something of a request.
 *
 * A name is taken apart at case, digits and punctuation, after its own encodings are undone, so `user[new_password]`,
 * `userPassword2` and `%70assword` are all one. It says too often yes rather than too seldom: a value that is
 * hidden costs a look at the application's own log, one that is shown cannot be called back.
 */

/** Mean a secret wherever they stand in a name, its punctuation left out. */
const anywhere = [
  'password',
  'passwd',
  'passphrase',
  'passcode',
  'passwort',
  'motdepasse',
  'contrasena',
  'secret',
  'token',
  'apikey',
  'accesskey',
  'privatekey',
  'sharedkey',
  'signingkey',
  'encryptionkey',
  'credential',
  'authoriz',
  'authoris',
  'authentic',
  'session',
  'cookie',
  'csrf',
  'xsrf',
  'signature',
  'creditcard',
  'cardnumber',
  'securitycode',
  'onetime',
  'recoverycode',
  'kennwort',
] as const;

/** Mean a secret as a word of their own. */
const words: ReadonlySet<string> = new Set([
  ...['pass', 'pwd', 'pw', 'psw', 'pin', 'otp', 'totp', 'mfa', 'cvv', 'cvc', 'ssn', 'iban', 'pan'],
  ...['auth', 'oauth', 'jwt', 'bearer', 'sig', 'hmac', 'sid', 'sess', 'key', 'keys', 'saml', 'cc'],
]);

/** Mean one as the whole name alone: the code of OAuth is, that of a country is not. */
const wholes: ReadonlySet<string> = new Set(['code', 'ticket', 'nonce', 'samlresponse', 'p']);

const nameCharactersMax = 256;

/** Names come again and again: what was found of the last ones, forgotten as a whole when there are too many. */
const known = new Map<string, boolean>();
const knownMax = 2_048;
const knownCharactersMax = 64;

/** `name` is latin1 or Unicode text, as it came. */
export function isSecretName(name: string): boolean {
  const before = known.get(name);
  if (before !== undefined) return before;
  const found = saysSecret(name);
  if (name.length <= knownCharactersMax) {
    if (known.size >= knownMax) known.clear();
    known.set(name, found);
  }
  return found;
}

function saysSecret(name: string): boolean {
  const plain = undone(name.slice(0, nameCharactersMax)).normalize('NFKC');
  const parts = plain
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((part) => part !== '');
  const squeezed = parts.join('');
  return (
    anywhere.some((word) => squeezed.includes(word)) ||
    parts.some((part) => words.has(part)) ||
    wholes.has(squeezed)
  );
}

/** Percent and backslash escapes, as often as people nest them. */
function undone(name: string): string {
  let at = name;
  for (let round = 0; round < 3; round++) {
    const next = at
      .replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      )
      .replaceAll(/\\u([0-9a-f]{4})|\\x([0-9a-f]{2})/gi, (_, long?: string, short?: string) =>
        String.fromCharCode(Number.parseInt(long ?? short ?? '', 16)),
      );
    if (next === at) break;
    at = next;
  }
  return at;
}
