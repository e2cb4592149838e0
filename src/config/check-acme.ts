/** `acme` and the certificates that come by it: names that can be proved, terms agreed to, files that are there. */
import { readFile } from 'node:fs/promises';
import { describeError } from '#core/errors.ts';
import { parseIp } from '#core/ip.ts';
import type { Acme } from './acme-schema.ts';
import { pemCertificates } from './check-certificates.ts';
import { type ConfigDraft, type Draft, present } from './draft.ts';
import type { Say } from './problem.ts';

const hostName =
  /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export async function checkAcme(
  config: ConfigDraft,
  env: Readonly<Record<string, string | undefined>>,
  say: Say,
): Promise<void> {
  const wanted = checkWanted(config, say);
  const { acme } = config;
  if (wanted !== null && acme === undefined) {
    say(
      wanted,
      'asks for a certificate by ACME, and there is no acme section to say from whom',
      'add acme: { directory: "https://…", email: you@example.org, agreeToTerms: true }',
    );
  }
  if (acme === undefined) return;
  if (acme.agreeToTerms === false) {
    say(
      'acme.agreeToTerms',
      `certificates from ${acme.directory ?? 'this server'} need your agreement to its terms of service`,
      'read them, then set agreeToTerms: true',
    );
  }
  if (acme.challenge === 'http-01' && !servesHttp(config)) {
    say(
      'acme.challenge',
      'http-01 comes in without TLS, and no listener takes that',
      'add a listener with redirect: https on port 80, or take challenge: tls-alpn-01',
    );
  }
  await checkRoot(acme, say);
  await checkExternalAccount(acme.externalAccount, env, say);
}

/** Whether there is a listener an authority can ask by plain HTTP. */
export function servesHttp(config: ConfigDraft): boolean {
  return present(config.edge?.listeners).some(
    ([, listener]) => listener.redirect !== undefined || listener.plaintext !== undefined,
  );
}

/** Path of the first list of names; null when there is none. */
function checkWanted(config: ConfigDraft, say: Say): string | null {
  let first: string | null = null;
  /** By name: the whole list it stands in, and where. */
  const lists = new Map<string, { readonly text: string; readonly path: string }>();
  for (const [index, listener] of present(config.edge?.listeners)) {
    for (const [at, { acme: names }] of present(listener.tls?.certificates)) {
      if (names === undefined) continue;
      const path = `edge.listeners[${index}].tls.certificates[${at}].acme`;
      first ??= path;
      const text = present(names)
        .map(([, name]) => name)
        .toSorted()
        .join(', ');
      const seen = new Set<string>();
      for (const [place, name] of present(names)) {
        const here = `${path}[${place}]`;
        checkName(name, here, say);
        if (seen.has(name)) say(here, `${name} stands in the list twice`, 'keep one');
        seen.add(name);
        const other = lists.get(name);
        if (other !== undefined && other.text !== text)
          say(here, `${name} is in ${other.path} too, with other names`, 'keep one of the two');
        if (other === undefined) lists.set(name, { text, path });
      }
    }
  }
  return first;
}

function checkName(name: string, path: string, say: Say): void {
  if (name.startsWith('*.')) {
    say(
      path,
      `${name} is proved by DNS alone (dns-01), which this node does not do`,
      'name the hosts, or take a certificate from a file',
    );
  } else if (parseIp(name) !== null || /^[0-9.]+$/.test(name)) {
    say(path, `${name} is an address, and certificates by ACME are for host names`);
  } else if (name.length > 253 || !hostName.test(name)) {
    say(
      path,
      `${JSON.stringify(name)} is no host name an authority can reach`,
      'in lower case and with its domain, for example www.example.org; other scripts as xn--',
    );
  }
}

async function checkRoot(acme: Draft<Acme>, say: Say): Promise<void> {
  if (acme.ca === undefined) return;
  try {
    if (pemCertificates(await readFile(acme.ca, 'latin1')).length === 0)
      say('acme.ca', `${acme.ca} holds no PEM certificate`);
  } catch (error) {
    say('acme.ca', `${acme.ca} cannot be read: ${describeError(error)}`);
  }
}

async function checkExternalAccount(
  external: Draft<Acme>['externalAccount'],
  env: Readonly<Record<string, string | undefined>>,
  say: Say,
): Promise<void> {
  if (external === undefined) return;
  const path = 'acme.externalAccount';
  const { hmacKeyFile, hmacKeyVariable } = external;
  if ((hmacKeyFile === undefined) === (hmacKeyVariable === undefined)) {
    say(
      path,
      'needs the key from one place',
      'give hmacKeyFile: FILE or hmacKeyVariable: NAME_OF_AN_ENVIRONMENT_VARIABLE',
    );
    return;
  }
  if (hmacKeyVariable !== undefined) {
    const text = env[hmacKeyVariable]?.trim() ?? '';
    if (text === '')
      say(`${path}.hmacKeyVariable`, `the environment variable ${hmacKeyVariable} is not set`);
    else if (!isBase64url(text))
      say(`${path}.hmacKeyVariable`, `${hmacKeyVariable} holds no key in base64url`);
    return;
  }
  try {
    if (!isBase64url((await readFile(hmacKeyFile ?? '', 'latin1')).trim()))
      say(`${path}.hmacKeyFile`, `${hmacKeyFile} holds no key in base64url`);
  } catch (error) {
    say(`${path}.hmacKeyFile`, `${hmacKeyFile} cannot be read: ${describeError(error)}`);
  }
}

const isBase64url = (text: string): boolean => /^[A-Za-z0-9_-]{8,1024}={0,2}$/.test(text);
