/**
 * Who may call the orchestrator: names with a role and the hash of a token, which is shown once and kept by
 * nobody here. A token is 256 random bits, so a plain SHA-256 of it can be neither guessed nor turned back.
 *
 * A look compares with every hash there is and stops at none, so the time it takes says nothing.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { SQLOutputValue, StatementSync } from 'node:sqlite';
import { type ApiCaller, type ApiRole, apiRoles } from '#admin/api-roles.ts';
import { bearerToken } from '#admin/caller-checks.ts';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import { integer, integerOrNull, text } from '#state/database-file.ts';
import type { StateDatabase } from '#state/state-database.ts';

/** Each is compared with at every call. */
export const tokensMax = 256;
const tokenPrefix = 'weir_';

export type TokenEntry = {
  readonly name: string;
  readonly role: ApiRole;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
};

type Kept = TokenEntry & { readonly sha256: Buffer };

export class TokenStore {
  readonly #state: StateDatabase;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #owner: Kept;
  readonly #nowMs: () => number;
  #kept: readonly Kept[];

  /** `ownerToken` is the one of the state directory, for whoever may read that. */
  constructor(state: StateDatabase, ownerToken: string, nowMs: () => number) {
    const { database } = state;
    this.#state = state;
    this.#nowMs = nowMs;
    this.#insert = database.prepare('INSERT INTO token VALUES (?, ?, ?, ?, ?)');
    this.#delete = database.prepare('DELETE FROM token WHERE name = ?');
    this.#owner = {
      name: 'owner',
      role: 'admin',
      createdAtMs: 0,
      expiresAtMs: null,
      sha256: sha256(ownerToken),
    };
    this.#kept = database.prepare('SELECT * FROM token ORDER BY name').all().map(keptOf);
  }

  list(): readonly TokenEntry[] {
    return this.#kept.map(({ sha256: _sha256, ...entry }) => entry);
  }

  identify(authorization: string | undefined): ApiCaller | 'missing' | 'wrong' {
    const given = bearerToken(authorization);
    if (given === null) return 'missing';
    const digest = sha256(given);
    let found: Kept | null = null;
    for (const kept of [this.#owner, ...this.#kept])
      if (timingSafeEqual(kept.sha256, digest)) found = kept;
    if (found === null) return 'wrong';
    if (found.expiresAtMs !== null && found.expiresAtMs <= this.#nowMs()) return 'wrong';
    return { name: found.name, role: found.role };
  }

  /** The token itself, which nobody can ask for again. Throws TOKEN_EXISTS and TOKENS_FULL. */
  add(name: string, role: ApiRole, ttlSeconds: number | null): TokenEntry & { token: string } {
    if (name === this.#owner.name || this.#kept.some((kept) => kept.name === name))
      throw new WeirError(
        'TOKEN_EXISTS',
        `there is a token "${name}" already; choose another name, or remove it first`,
      );
    if (this.#kept.length >= tokensMax)
      throw new WeirError(
        'TOKENS_FULL',
        `there are ${tokensMax} tokens, and that is as many as there may be; remove some`,
      );
    const token = `${tokenPrefix}${randomBytes(32).toString('base64url')}`;
    const createdAtMs = this.#nowMs();
    const expiresAtMs = ttlSeconds === null ? null : createdAtMs + ttlSeconds * 1_000;
    const digest = sha256(token);
    this.#state.attempt(() => this.#insert.run(name, role, digest, createdAtMs, expiresAtMs));
    const entry = { name, role, createdAtMs, expiresAtMs };
    this.#kept = [...this.#kept, { ...entry, sha256: digest }].toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    return { ...entry, token };
  }

  /** Throws TOKEN_UNKNOWN. */
  remove(name: string): void {
    if (!this.#kept.some((kept) => kept.name === name))
      throw new WeirError('TOKEN_UNKNOWN', `there is no token "${name}"`);
    this.#state.attempt(() => this.#delete.run(name));
    this.#kept = this.#kept.filter((kept) => kept.name !== name);
  }
}

function keptOf(row: Record<string, SQLOutputValue>): Kept {
  const role = apiRoles.find((known) => known === row['role']);
  const digest = row['sha256'];
  assert(role !== undefined && digest instanceof Uint8Array, 'a row of the tokens');
  return {
    name: text(row['name']),
    role,
    createdAtMs: integer(row['created_at_ms']),
    expiresAtMs: integerOrNull(row['expires_at_ms']),
    sha256: Buffer.from(digest),
  };
}

function sha256(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
