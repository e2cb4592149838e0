/** The secrets a member is known by, read from their files once, at the start. Throws FLEET_KEY_UNUSABLE. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { FleetAuth, FleetTls } from '#config/fleet-schema.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { parseNatsCredentials } from '#core/nats-credentials.ts';
import { publicKeyOfSeed } from '#core/nkey.ts';
import type { BusTls } from './bus.ts';
import type { BusCredentials } from './bus-words.ts';

const secretBytesMax = 65_536;

export function readCredentials(auth: FleetAuth | undefined): BusCredentials {
  if (auth === undefined) return { kind: 'none' };
  const { nkeyFile, credsFile, tokenFile, user, passwordFile } = auth;
  if (nkeyFile !== undefined) return nkeyOf(nkeyFile);
  if (credsFile !== undefined) return credentialsOf(credsFile);
  if (tokenFile !== undefined) return { kind: 'token', token: readSecret(tokenFile).trim() };
  if (user !== undefined && passwordFile !== undefined)
    return { kind: 'user', user, password: readSecret(passwordFile).trim() };
  return { kind: 'none' };
}

function nkeyOf(file: string): BusCredentials {
  const seed = readSecret(file).trim();
  const user = publicKeyOfSeed(seed);
  if (user === null)
    throw unusable(file, new Error('it holds no seed of an nkey user, or one with a slip in it'));
  return { kind: 'nkey', seed: Buffer.from(seed, 'latin1'), user };
}

function credentialsOf(file: string): BusCredentials {
  const text = readSecret(file);
  const read = parseNatsCredentials(text);
  if (!read.ok) throw unusable(file, new Error(`it ${read.problem}`));
  return { kind: 'creds', text: Buffer.from(text, 'latin1'), ...read.credentials };
}

export function readSigningKey(file: string): KeyObject {
  const text = readSecret(file);
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new WeirError('FLEET_KEY_UNUSABLE', `${file} holds no private key in PEM`, {
      cause: error,
    });
  }
}

/** Null: TLS where the server wants it. A server named `tls://` gets it in any case. */
export function readTls(tls: FleetTls | undefined, servers: readonly string[]): BusTls | null {
  if (tls === undefined) return servers.some((url) => url.startsWith('tls://')) ? {} : null;
  return {
    ...(tls.ca === undefined ? {} : { ca: readPublic(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: readPublic(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: readSecret(tls.key) }),
  };
}

function readSecret(file: string): string {
  try {
    const { mode, size } = statSync(file);
    if ((mode & 0o077) !== 0)
      throw new Error(`it can be read by others than its owner; chmod 600 ${file}`);
    if (size > secretBytesMax) throw new Error(`it is too long for a secret (${size} bytes)`);
    return readFileSync(file, 'latin1');
  } catch (error) {
    throw unusable(file, error);
  }
}

function readPublic(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    throw unusable(file, error);
  }
}

const unusable = (file: string, error: unknown): WeirError =>
  new WeirError('FLEET_KEY_UNUSABLE', `${file} cannot be used: ${describeError(error)}`, {
    cause: error,
  });
