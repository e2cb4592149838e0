/** `edge.listeners[].tls`: names OpenSSL knows, versions that leave something to speak, files that hold what they should. */
import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import tls from 'node:tls';
import { certificateNames } from '#core/certificate-names.ts';
import { describeError } from '#core/errors.ts';
import { ocspResponder, readOcsp } from '#core/ocsp.ts';
import { checkCertificate, pemCertificates } from './check-certificates.ts';
import { type Draft, present } from './draft.ts';
import type { Say } from './problem.ts';
import { knownCiphers, knownCurves, nearestTlsName } from './tls-names.ts';
import type { ListenerTls, TlsCertificate } from './tls-schema.ts';

/** `path` is that of the `tls` object. */
export async function checkTls(
  settings: Draft<ListenerTls>,
  path: string,
  nowMs: number,
  say: Say,
): Promise<void> {
  checkVersions(settings, path, say);
  checkNames(settings.curves, `${path}.curves`, 'key exchange group', knownCurves, say);
  await checkCertificates(settings, path, nowMs, say);
  await checkClientCertificates(settings, path, nowMs, say);
}

function checkVersions(settings: Draft<ListenerTls>, path: string, say: Say): void {
  const { minVersion, maxVersion } = settings;
  checkNames(settings.ciphers, `${path}.ciphers`, 'cipher suite', knownCiphers, say);
  if (minVersion === '1.3' && maxVersion === '1.2') {
    say(`${path}.maxVersion`, 'is older than minVersion, so nothing can be spoken', 'leave it out');
    return;
  }
  const named = present(settings.ciphers).map(([, name]) => name);
  // What a name nobody knows was to be cannot be told.
  if (named.some((name) => !knownCiphers.includes(name))) return;
  if (named.length === 0 || minVersion === undefined || maxVersion === undefined) return;
  for (const version of ['1.2', '1.3'] as const) {
    const isSpoken = minVersion <= version && version <= maxVersion;
    const prefix = version === '1.3' ? 'TLS_' : 'ECDHE-';
    if (!isSpoken || named.some((name) => name.startsWith(prefix))) continue;
    say(
      `${path}.ciphers`,
      `names no suite for TLS ${version}, which the versions allow`,
      version === '1.2'
        ? 'add an ECDHE- suite, or set minVersion: "1.3"'
        : 'add TLS_AES_128_GCM_SHA256, or set maxVersion: "1.2"',
    );
  }
}

function checkNames(
  names: readonly (string | undefined)[] | undefined,
  path: string,
  what: string,
  known: readonly string[],
  say: Say,
): void {
  const seen = new Set<string>();
  for (const [index, name] of present(names)) {
    const at = `${path}[${index}]`;
    if (seen.has(name)) say(at, `${name} stands in the list twice`, 'keep one');
    seen.add(name);
    if (known.includes(name)) continue;
    const near = nearestTlsName(name, known);
    const hint =
      near === null
        ? `for example ${known.slice(0, 5).join(', ')}; leave ${what === 'cipher suite' ? 'ciphers' : 'curves'} out for good ones`
        : `did you mean ${near}?`;
    if (what === 'cipher suite' && tls.getCiphers().includes(name.toLowerCase()))
      say(at, `${name} gives no forward secrecy or needs keys Weir does not have`, hint);
    else say(at, `${JSON.stringify(name)} is no ${what} Weir knows`, hint);
  }
}

async function checkCertificates(
  settings: Draft<ListenerTls>,
  path: string,
  nowMs: number,
  say: Say,
): Promise<void> {
  const shownBy = new Map<string, number>();
  for (const [at, files] of present(settings.certificates)) {
    const { cert, key } = files;
    if (checkSource(files, `${path}.certificates[${at}]`, say)) continue;
    if (cert === undefined || key === undefined) continue;
    const problems = await checkCertificate({ cert, key }, nowMs);
    for (const { key: of, message, fix } of problems)
      say(`${path}.certificates[${at}].${of}`, message, fix);
    if (problems.length > 0) continue;
    const [leaf, ...chain] = pemCertificates(await readFile(cert, 'latin1'));
    if (leaf === undefined) continue;
    const entry = `${path}.certificates[${at}]`;
    await checkOcsp(settings, files.ocsp, leaf, chain, entry, nowMs, say);
    const names = certificateNames(leaf);
    const fresh = names.filter((name) => !shownBy.has(name));
    for (const name of fresh) shownBy.set(name, at);
    if (at === 0 || fresh.length > 0) continue;
    const earlier = [...new Set(names.map((name) => shownBy.get(name)))];
    say(
      `${path}.certificates[${at}].cert`,
      names.length === 0
        ? `${cert} names no host, so it is never shown`
        : `${cert} is never shown: ${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} in certificates[${earlier.join('], certificates[')}] already`,
      'leave it out, or put it first to show it instead',
    );
  }
}

/** True when something is wrong, or there are no files to look at. */
function checkSource(entry: Draft<TlsCertificate>, path: string, say: Say): boolean {
  // A value of the wrong kind is undefined, and still there.
  const has = (key: keyof TlsCertificate): boolean => Object.hasOwn(entry, key);
  if (has('acme')) {
    for (const key of ['cert', 'key', 'ocsp'] as const) {
      if (has(key))
        say(`${path}.${key}`, 'does not go with acme, which brings its own', 'keep one of the two');
    }
    return true;
  }
  if (has('cert') && has('key')) return false;
  const said = has('cert') ? 'a cert and no key' : has('key') ? 'a key and no cert' : null;
  say(
    path,
    said === null
      ? 'says neither where the certificate lies nor from whom to get one'
      : `has ${said}`,
    'give cert: FILE and key: FILE, or acme: [NAME]',
  );
  return true;
}

async function checkOcsp(
  settings: Draft<ListenerTls>,
  file: string | undefined,
  leaf: X509Certificate,
  chain: readonly X509Certificate[],
  path: string,
  nowMs: number,
  say: Say,
): Promise<void> {
  const issuer = chain.find((one) => leaf.checkIssued(one)) ?? null;
  if (settings.ocspStapling === true) {
    if (file !== undefined)
      say(`${path}.ocsp`, 'is in the way of ocspStapling, which fetches it', 'keep one of the two');
    if (ocspResponder(leaf) === null)
      say(
        `${path}.cert`,
        'names no OCSP responder, so nothing can be stapled',
        'leave ocspStapling out',
      );
    else if (issuer === null)
      say(
        `${path}.cert`,
        'holds no issuer, who has to be asked for the OCSP response',
        'put the chain into the file, leaf first',
      );
    return;
  }
  if (file === undefined) return;
  try {
    const read = readOcsp(await readFile(file), leaf, issuer, nowMs);
    if (!read.ok) say(`${path}.ocsp`, `${file} ${read.reason}`, 'fetch it anew');
  } catch (error) {
    say(`${path}.ocsp`, `${file} cannot be read: ${describeError(error)}`);
  }
}

async function checkClientCertificates(
  settings: Draft<ListenerTls>,
  path: string,
  nowMs: number,
  say: Say,
): Promise<void> {
  const asked = settings.clientCertificates;
  if (asked?.mode === undefined) return;
  const at = `${path}.clientCertificates`;
  if (asked.mode === 'off') {
    if (asked.ca !== undefined)
      say(`${at}.ca`, 'does nothing with mode: off', 'set mode: optional or required');
    return;
  }
  if (asked.ca === undefined) {
    say(at, `mode ${asked.mode} needs to know whose certificates are valid`, 'add ca: FILE');
    return;
  }
  try {
    const authorities = pemCertificates(await readFile(asked.ca, 'latin1'));
    if (authorities.length === 0) say(`${at}.ca`, `${asked.ca} holds no PEM certificate`);
    for (const authority of authorities) {
      if (!authority.ca)
        say(
          `${at}.ca`,
          `${asked.ca} holds a certificate that is no authority (${oneLine(authority.subject)})`,
        );
      else if (authority.validToDate.getTime() <= nowMs)
        say(
          `${at}.ca`,
          `${asked.ca} holds an authority that expired on ${authority.validToDate.toISOString()} (${oneLine(authority.subject)})`,
        );
    }
  } catch (error) {
    say(`${at}.ca`, `${asked.ca} cannot be read: ${describeError(error)}`);
  }
}

const oneLine = (subject: string | undefined): string => (subject ?? '').replaceAll('\n', ', ');
