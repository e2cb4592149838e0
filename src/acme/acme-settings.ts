/** What the ACME client runs with: the `acme` part of the configuration with its files read. */
import { readFile } from 'node:fs/promises';
import type { Acme } from '#config/acme-schema.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { AccountRequest } from './acme-client.ts';
import type { AccountKeyAlgorithm } from './jws.ts';

export type ChallengeKind = 'http-01' | 'tls-alpn-01';

export type AcmeSettings = AccountRequest & {
  readonly directory: string;
  /** PEM of a root to trust beside the usual ones. */
  readonly ca: string | null;
  readonly accountKey: AccountKeyAlgorithm;
  /** In the order they are tried. */
  readonly challenges: readonly ChallengeKind[];
};

/** `servesHttp` says whether a listener without TLS is there to answer on. */
export async function readAcmeSettings(
  acme: Acme,
  servesHttp: boolean,
  env: Readonly<Record<string, string | undefined>>,
): Promise<AcmeSettings> {
  const { externalAccount } = acme;
  return {
    directory: acme.directory,
    email: acme.email ?? null,
    agreeToTerms: acme.agreeToTerms,
    ca: acme.ca === undefined ? null : await readText(acme.ca),
    accountKey: acme.accountKey,
    external:
      externalAccount === undefined
        ? null
        : {
            keyId: externalAccount.keyId,
            hmacKey: Buffer.from(await hmacText(externalAccount, env), 'base64url'),
          },
    challenges: challengesOf(acme.challenge, servesHttp),
  };
}

function challengesOf(challenge: Acme['challenge'], servesHttp: boolean): ChallengeKind[] {
  if (challenge !== 'auto') return [challenge];
  return servesHttp ? ['tls-alpn-01', 'http-01'] : ['tls-alpn-01'];
}

async function hmacText(
  external: NonNullable<Acme['externalAccount']>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  if (external.hmacKeyFile !== undefined) return (await readText(external.hmacKeyFile)).trim();
  const text = env[external.hmacKeyVariable ?? '']?.trim() ?? '';
  if (text !== '') return text;
  throw new WeirError(
    'CONFIG_INVALID',
    `acme.externalAccount: the environment variable ${external.hmacKeyVariable} is not set`,
  );
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new WeirError('CONFIG_INVALID', `${file} cannot be read: ${describeError(error)}`);
  }
}
