/**
 * What of a match may be shown: by the policy of its route, and never a secret.
 *
 * ```
 * full     as it came, without what is secret         1' or password=***
 * masked   its shape: letters and digits are stars    *' ** ********=***
 * none     nothing
 * ```
 *
 * A piece of a body that comes without the name of its parameter is shown in shape even where the policy is full: it
 * may be cut from the middle of a password, and nobody can tell.
 */
import type { MatchedPolicy } from '#config/events-schema.ts';
import { hidden, maskSecrets, shapeOf } from '#core/mask-secrets.ts';
import { isSecretName } from '#core/secret-names.ts';
import type { SecretValues } from './secret-values.ts';
import type { EventMatch } from './security-event.ts';

/** As the worker has it of the rules. */
export type FoundMatch = Omit<EventMatch, 'matched' | 'points'> & {
  /** latin1. */
  readonly matched: string;
  readonly points?: number | null;
};

const messageCharactersMax = 512;
const targetCharactersMax = 256;
const tagsMax = 32;

export function redactMatch(
  match: FoundMatch,
  policy: MatchedPolicy,
  secrets: SecretValues,
): EventMatch {
  const { rule, severity, tags, target, matched, points = null, mode } = match;
  const text = shown(target, matched, policy, secrets);
  return {
    rule,
    message: redactText(match.message.slice(0, messageCharactersMax), matched, text, secrets),
    severity,
    tags: tags.slice(0, tagsMax),
    target: secrets.hide(maskSecrets(target.slice(0, targetCharactersMax))),
    matched: text,
    points,
    mode,
  };
}

function shown(
  target: string,
  matched: string,
  policy: MatchedPolicy,
  secrets: SecretValues,
): string | null {
  if (policy === 'none') return null;
  if (matched === '') return '';
  if (isSecretTarget(target)) return hidden;
  const cleaned = secrets.hide(maskSecrets(matched));
  return policy === 'masked' || isNamelessBody(target) ? shapeOf(cleaned) : cleaned;
}

/** A message or a reason may quote what was found, and shows no more of it than the match does. */
export function redactText(
  text: string,
  matched: string,
  shownText: string | null,
  secrets: SecretValues,
): string {
  const quoted = matched === '' ? text : text.replaceAll(matched, () => shownText ?? hidden);
  return secrets.erase(maskSecrets(quoted));
}

/** `ARGS:password`, `header:authorization`, and any cookie's value. */
export function isSecretTarget(target: string): boolean {
  const colon = target.indexOf(':');
  const collection = (colon < 0 ? target : target.slice(0, colon)).toLowerCase();
  if (collection.endsWith('names')) return false;
  if (collection.includes('cookie')) return true;
  if (colon < 0) return false;
  const name = target.slice(colon + 1);
  return isSecretName(name);
}

/** The body as a whole, or a part of it that nobody has named. */
function isNamelessBody(target: string): boolean {
  const [collection = '', name = ''] = target.toLowerCase().split(':', 2);
  return /body|multipart|files|xml|json/.test(collection) && (name === '' || name.startsWith('/'));
}
