/**
 * An operator, its accounts and their users, as `nsc` makes them: claims signed by keys above, a configuration that
 * a real nats-server checks them with, and credentials files. Nobody signs anything of them again.
 */
import { createHash } from 'node:crypto';
import { nkeys } from 'nats';

type KeyPair = ReturnType<typeof nkeys.createUser>;
type Claims = Readonly<Record<string, unknown>>;

export type Permissions = {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
};

const unlimited = {
  ...{ subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1 },
  ...{ leaf: -1, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
};
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

export class NatsOperator {
  readonly #operator = nkeys.createOperator();
  readonly #account = nkeys.createAccount();
  readonly #system = nkeys.createAccount();
  /** Of users, by when they were revoked. */
  readonly #revocations: Record<string, number> = {};

  /** For the server: an account with JetStream, one of its own, and a resolver that has both. */
  config(): string {
    const operator = signed(this.#operator, this.#operator.getPublicKey(), 'test', {
      ...{ type: 'operator', system_account: this.#system.getPublicKey() },
    });
    const account = (of: KeyPair, name: string, nats: Claims) =>
      `  ${of.getPublicKey()}: ${signed(this.#operator, of.getPublicKey(), name, { type: 'account', ...nats })}`;
    return `operator: ${operator}
system_account: ${this.#system.getPublicKey()}
resolver: MEMORY
resolver_preload: {
${account(this.#account, 'WEIR', { limits: unlimited, revocations: this.#revocations })}
${account(this.#system, 'SYS', {})}
}
`;
  }

  /** In configurations made from now on. */
  revoke(user: string): void {
    this.#revocations[user] = Math.floor(Date.now() / 1_000) + 60;
  }

  /** A credentials file. `key` for one whose seed is not the one the claims are of. */
  credentials(
    name: string,
    permissions: Permissions,
    odd: {
      readonly expiresAtS?: number;
      readonly isForged?: boolean;
      readonly otherSeed?: boolean;
      readonly isRevoked?: boolean;
    } = {},
  ): string {
    const user = nkeys.createUser();
    const issuer = odd.isForged === true ? nkeys.createAccount() : this.#account;
    if (odd.isRevoked === true) this.revoke(user.getPublicKey());
    const jwt = signed(
      issuer,
      user.getPublicKey(),
      name,
      {
        ...{ type: 'user', subs: -1, data: -1, payload: -1 },
        pub: { allow: permissions.publish },
        sub: { allow: permissions.subscribe },
        resp: { max: 1, ttl: 60_000_000_000 },
      },
      odd.expiresAtS,
    );
    const seed = text((odd.otherSeed === true ? nkeys.createUser() : user).getSeed());
    return `-----BEGIN NATS USER JWT-----
${jwt}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------
`;
  }
}

function signed(by: KeyPair, sub: string, name: string, nats: Claims, exp?: number): string {
  const claims = {
    ...{ iat: Math.floor(Date.now() / 1_000), iss: by.getPublicKey(), name, sub },
    nats: { version: 2, ...nats },
    ...(exp === undefined ? {} : { exp }),
  };
  const jti = createHash('sha256').update(JSON.stringify(claims)).digest('hex').toUpperCase();
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ jti, ...claims })}`;
  return `${head}.${Buffer.from(by.sign(Buffer.from(head))).toString('base64url')}`;
}
