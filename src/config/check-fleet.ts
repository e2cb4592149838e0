/**
 * `fleet`: keys that are there and that nobody else reads, a trust file this member stands in with the key
 * it has, one way to be known to the server.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { describeError, WeirError } from '#core/errors.ts';
import { parseCidr } from '#core/ip.ts';
import { publicKeyText, readTrust, type Trust } from '#decisions/trust.ts';
import { pemCertificates } from './check-certificates.ts';
import { type Draft, present } from './draft.ts';
import type { FleetConfig } from './fleet-schema.ts';
import type { Say } from './problem.ts';

/** Secrets are short; whatever is longer is some other file. */
const secretBytesMax = 65_536;

export async function checkFleet(
  fleet: Draft<FleetConfig> | undefined,
  say: Say,
  path = 'fleet',
): Promise<void> {
  if (fleet === undefined) return;
  await checkAuth(fleet, say, `${path}.auth`);
  await checkTls(fleet, say, `${path}.tls`);
  const trust = checkTrust(fleet, say, path);
  await checkSigningKey(fleet, trust, say, `${path}.signingKey`);
  for (const [index, text] of present(fleet.neverBlock))
    if (parseCidr(text) === null)
      say(
        `${path}.neverBlock[${index}]`,
        `${JSON.stringify(text)} is neither an address nor a CIDR range`,
        'for example 10.0.0.0/8 or 2001:db8::1',
      );
}

async function checkAuth(fleet: Draft<FleetConfig>, say: Say, path: string): Promise<void> {
  const { auth } = fleet;
  if (auth === undefined) return;
  const ways = [auth.nkeyFile, auth.credsFile, auth.tokenFile, auth.user].filter(
    (way) => way !== undefined,
  );
  if (ways.length !== 1)
    say(
      path,
      ways.length === 0 ? 'says nothing' : `says ${ways.length} ways at once`,
      'give one of nkeyFile, credsFile, tokenFile, or user with passwordFile',
    );
  if ((auth.user === undefined) !== (auth.passwordFile === undefined))
    say(path, 'user and passwordFile go together', 'give both, or neither');
  for (const key of ['nkeyFile', 'credsFile', 'tokenFile', 'passwordFile'] as const) {
    const file = auth[key];
    if (file === undefined) continue;
    const text = await readSecret(file, `${path}.${key}`, say);
    if (key === 'nkeyFile' && text !== null && !/^SU[A-Z2-7]{56}$/.test(text.trim()))
      say(
        `${path}.nkeyFile`,
        `${file} holds no seed of an nkey user`,
        'it is one line that begins with SU; "weir fleet init" makes one',
      );
  }
}

async function checkTls(fleet: Draft<FleetConfig>, say: Say, path: string): Promise<void> {
  const { tls } = fleet;
  if (tls === undefined) return;
  if ((tls.cert === undefined) !== (tls.key === undefined))
    say(path, 'cert and key go together', 'give both, or neither');
  for (const key of ['ca', 'cert'] as const) {
    const file = tls[key];
    if (file === undefined) continue;
    try {
      if (pemCertificates(await readFile(file, 'latin1')).length === 0)
        say(`${path}.${key}`, `${file} holds no PEM certificate`);
    } catch (error) {
      say(`${path}.${key}`, `${file} cannot be read: ${describeError(error)}`);
    }
  }
  if (tls.key !== undefined) await readSecret(tls.key, `${path}.key`, say);
}

function checkTrust(fleet: Draft<FleetConfig>, say: Say, path: string): Trust | null {
  const { trust: file, name, nodeId } = fleet;
  if (file === undefined) return null;
  let trust: Trust;
  try {
    trust = readTrust(file);
  } catch (error) {
    const details = error instanceof WeirError ? error.details : [];
    say(`${path}.trust`, details.length > 1 ? details.join('; ') : describeError(error));
    return null;
  }
  if (name !== undefined && trust.fleet !== name)
    say(`${path}.name`, `is ${name}, and ${file} is of the fleet ${trust.fleet}`);
  if (nodeId !== undefined && trust.member(nodeId) === null) {
    const known = trust.members.slice(0, 10).map(({ id }) => id);
    say(`${path}.nodeId`, `${nodeId} is no member in ${file}`, `it has ${known.join(', ')}`);
  }
  return trust;
}

async function checkSigningKey(
  fleet: Draft<FleetConfig>,
  trust: Trust | null,
  say: Say,
  path: string,
): Promise<void> {
  const { signingKey: file, nodeId } = fleet;
  if (file === undefined) return;
  const text = await readSecret(file, path, say);
  if (text === null) return;
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType !== 'ed25519') {
      say(path, `${file} holds a key of another kind (${key.asymmetricKeyType})`, 'Ed25519 it is');
      return;
    }
    const member = nodeId === undefined ? null : (trust?.member(nodeId) ?? null);
    if (member !== null && publicKeyText(member.key) !== publicKeyText(createPublicKey(key)))
      say(
        path,
        `${file} is not the key the trust file has for ${nodeId}: the others would refuse what it signs`,
        'name the key that belongs to this member, or give the trust file its public key',
      );
  } catch (error) {
    say(path, `${file} holds no private key in PEM: ${describeError(error)}`);
  }
}

/** Null, and said, where it cannot be read or others can read it too. */
async function readSecret(file: string, path: string, say: Say): Promise<string | null> {
  try {
    const { mode, size } = await stat(file);
    if (size > secretBytesMax) {
      say(path, `${file} is too long for a secret (${size} bytes)`);
      return null;
    }
    if ((mode & 0o077) !== 0) {
      say(path, `${file} can be read by others than its owner`, `chmod 600 ${file}`);
      return null;
    }
    return await readFile(file, 'latin1');
  } catch (error) {
    say(path, `${file} cannot be read: ${describeError(error)}`, '"weir fleet init" makes keys');
    return null;
  }
}
