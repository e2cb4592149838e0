/**
 * Secrets that are known by their own form, whatever they are called: tokens of schemes, JSON web tokens, keys of
 * well-known services, private keys, passwords in URLs, numbers of cards.
 */

const hidden = '***';

const forms: readonly (readonly [form: RegExp, by: string])[] = [
  [
    /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|$)/g,
    hidden,
  ],
  [
    /\b(Bearer|Basic|Digest|Negotiate|ApiKey|Token)([ \t+]+|%20|=)[^\s,;"'&<>]{4,}/gi,
    `$1$2${hidden}`,
  ],
  [/eyJ[A-Za-z0-9_-]{4,}(?:(?:\.|%2e)[A-Za-z0-9_-]*){0,4}/gi, hidden],
  [/\b(?:AKIA|ASIA|AROA)[0-9A-Z]{12,}/g, hidden],
  [
    /\b(?:gh[pousr]_|github_pat_|glpat-|npm_|xox[abprs]-|sk_live_|sk_test_|rk_live_|whsec_|sk-|ya29\.|AIza|SG\.)[\w.-]{12,}/g,
    hidden,
  ],
  [/(\/\/)[^/\s@"'<>]{1,256}@/g, `$1${hidden}@`],
];

const cardRun = /\d(?:[ +.-]?\d){12,63}/g;
const base64Run = /[A-Za-z0-9+/_-]{16,}={0,2}/g;

/** `undone` says whether a text that was hidden in base64 holds a secret. */
export function maskForms(text: string): string {
  let at = text;
  for (const [form, by] of forms) at = at.replaceAll(form, by);
  return at
    .replaceAll(base64Run, (run) => (isSecretInside(run) ? hidden : run))
    .replaceAll(cardRun, (run) => (holdsCard(run) ? hidden : run));
}

/** Base64 of a text that names a secret: `cGFzc3dvcmQ9…` is `password=…`. */
function isSecretInside(run: string): boolean {
  const inner = Buffer.from(run, 'base64').toString('latin1');
  if (!/^[\x09\x0a\x0d\x20-\x7e]+$/.test(inner)) return false;
  return (
    /pass|secret|token|auth|session|cookie|api.?key|private|credential|jwt|pin\b|cvv|[a-z]:.{4}/i.test(
      inner,
    ) || holdsCard(inner)
  );
}

/** Some 13 to 19 digits in a row are a number of a card: a known beginning, and the check digit is right. */
function holdsCard(run: string): boolean {
  const digits = run.replaceAll(/\D/g, '');
  for (let start = 0; start + 13 <= digits.length; start++) {
    if (!/[2-6]/.test(digits[start] ?? '')) continue;
    for (let length = 13; length <= 19 && start + length <= digits.length; length++)
      if (isLuhn(digits.slice(start, start + length))) return true;
  }
  return false;
}

function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
