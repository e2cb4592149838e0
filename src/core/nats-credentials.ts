/**
 * A credentials file of NATS, as `nsc` writes it: what an account says of a user (a JWT), and the seed of that user.
 *
 * The server says of bad ones only that it does not take them, so what can be seen from here is said here: that the
 * two do not belong together, and that they have ended. Whether the account has signed them is the server's to know.
 */
import { publicKeyOfSeed } from './nkey.ts';

export type NatsCredentials = {
  readonly name: string;
  /** Public key, "U…". */
  readonly user: string;
  /** Who signed: the account, or a signing key of it. */
  readonly issuer: string;
  readonly expiresAtMs: number | null;
};

export type ReadCredentials =
  | { readonly ok: true; readonly credentials: NatsCredentials }
  | { readonly ok: false; readonly problem: string };

export function parseNatsCredentials(text: string): ReadCredentials {
  const no = (problem: string): ReadCredentials => ({ ok: false, problem });
  const jwt = between(text, 'NATS USER JWT');
  if (jwt === null) return no('has no part "BEGIN NATS USER JWT"');
  const seed = between(text, 'USER NKEY SEED');
  if (seed === null) return no('has no part "BEGIN USER NKEY SEED"');
  const claims = claimsOf(jwt);
  if (claims === null) return no('holds a JWT that cannot be read');
  const { sub, iss, name, exp } = claims;
  if (typeof sub !== 'string' || typeof iss !== 'string' || !sub.startsWith('U'))
    return no('holds a JWT that is not of a user');
  const user = publicKeyOfSeed(seed);
  if (user === null) return no('holds a seed that is not of a user, or has a slip in it');
  if (user !== sub) return no('holds the seed of another user than its JWT is of');
  return {
    ok: true,
    credentials: {
      name: typeof name === 'string' ? name : sub,
      ...{ user, issuer: iss },
      expiresAtMs: typeof exp === 'number' && exp > 0 ? exp * 1_000 : null,
    },
  };
}

function between(text: string, name: string): string | null {
  const found = new RegExp(
    `-{3,}BEGIN ${name}-{3,}\\s+([A-Za-z0-9._-]+?)\\s+-{3,}END ${name}-{3,}`,
  );
  return found.exec(text)?.[1] ?? null;
}

function claimsOf(jwt: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(
      Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8'),
    );
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}
