/** What a webhook needs: a URL that may be called, and a secret to sign with. Of nodes and orchestrators alike. */
import { readFileSync, statSync } from 'node:fs';
import { describeError } from '#core/errors.ts';
import { parseIp } from '#core/ip.ts';
import { isPublicAddress } from '#core/public-address.ts';
import type { Say } from './problem.ts';

const webhookSecretCharactersMin = 32;
const webhookSecretBytesMax = 4_096;

export type WebhookDraft = {
  readonly url: string | undefined;
  readonly secretFile: string | undefined;
  readonly allowInternal: boolean | undefined;
};

/** `urlPath` and `secretPath` say where they stand. */
export function checkWebhook(
  { url: text, secretFile, allowInternal }: WebhookDraft,
  urlPath: string,
  secretPath: string,
  say: Say,
): void {
  const url = text === undefined ? null : URL.parse(text);
  if (text !== undefined) {
    if (url === null || !/^https?:$/.test(url.protocol))
      say(urlPath, `"${text}" is no http or https URL`, 'write https://host/path');
    else if (url.username !== '' || url.password !== '')
      say(urlPath, 'has a user name or a password in it', 'the signature says who sends it');
    else if (allowInternal !== true && isHidden(url.hostname))
      say(
        urlPath,
        `${url.hostname} is no address of the public Internet`,
        'set allowInternal: true if that is meant',
      );
  }
  if (secretFile === undefined) return;
  try {
    readWebhookSecret(secretFile);
  } catch (error) {
    say(secretPath, describeError(error), `make one: openssl rand -hex 32 > ${secretFile}`);
  }
}

/** An address that stands in the URL itself; names are looked at when they are resolved. */
function isHidden(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return parseIp(bare) !== null && !isPublicAddress(bare);
}

/** Throws where it cannot be read, is too short, or too much. */
export function readWebhookSecret(file: string): string {
  const { size } = statSync(file);
  if (size > webhookSecretBytesMax)
    throw new Error(
      `${file} holds ${size} bytes, and a secret has ${webhookSecretBytesMax} at most`,
    );
  const secret = readFileSync(file, 'utf8').trim();
  if (secret.length < webhookSecretCharactersMin)
    throw new Error(
      `${file} holds ${secret.length} characters, and a secret has ${webhookSecretCharactersMin} at least`,
    );
  return secret;
}
