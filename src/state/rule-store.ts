/**
 * The L4 rules of this node on disk, in `state.db`, in their order.
 *
 * There are few of them and their order is part of what they say, so a change writes the whole set, in one
 * transaction with its version and the number the next rule gets.
 */
import type { SQLOutputValue, StatementSync } from 'node:sqlite';
import type { L4Rule, L4RuleAction } from '#core/l4-rule.ts';
import { integer, integerOrNull, text, textOrNull } from './database-file.ts';
import type { StateDatabase } from './state-database.ts';

export type StoredRule = L4Rule & {
  readonly reason: string;
  readonly createdAtMs: number;
  /** Null for one that stays until it is deleted. */
  readonly expiresAtMs: number | null;
};

export type StoredRules = {
  /** Counts every change, over restarts. */
  readonly version: number;
  /** No rule has had it yet. */
  readonly nextId: number;
  /** The first that matches a packet decides. */
  readonly rules: readonly StoredRule[];
};

export class RuleStore {
  readonly #state: StateDatabase;
  readonly #rules: StatementSync;
  readonly #set: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;

  constructor(state: StateDatabase) {
    const { database } = state;
    this.#state = state;
    this.#rules = database.prepare('SELECT * FROM rule ORDER BY position');
    this.#set = database.prepare('SELECT * FROM rule_set');
    this.#insert = database.prepare('INSERT INTO rule VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#update = database.prepare('UPDATE rule_set SET version = ?, next_id = ?');
  }

  load(): StoredRules {
    return this.#state.attempt(() => {
      const set = this.#set.get();
      return {
        version: integer(set?.['version']),
        nextId: integer(set?.['next_id']),
        rules: this.#rules.all().map(ruleOf),
      };
    });
  }

  /** All of it or nothing. */
  save({ version, nextId, rules }: StoredRules): void {
    this.#state.attempt(() => {
      const { database } = this.#state;
      database.exec('BEGIN IMMEDIATE');
      try {
        database.exec('DELETE FROM rule');
        rules.forEach((rule, index) => {
          this.#insert.run(
            index + 1,
            rule.id,
            rule.source,
            rule.destination,
            rule.port?.first ?? null,
            rule.port?.last ?? null,
            rule.protocol,
            rule.action,
            rule.reason,
            rule.createdAtMs,
            rule.expiresAtMs,
          );
        });
        this.#update.run(version, nextId);
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    });
  }
}

function ruleOf(row: Record<string, SQLOutputValue>): StoredRule {
  const first = integerOrNull(row['port_first']);
  const last = integerOrNull(row['port_last']);
  return {
    id: integer(row['id']),
    source: textOrNull(row['source']),
    destination: textOrNull(row['destination']),
    port: first === null || last === null ? null : { first, last },
    protocol: integerOrNull(row['protocol']),
    action: text(row['action']) as L4RuleAction,
    reason: text(row['reason']),
    createdAtMs: integer(row['created_at_ms']),
    expiresAtMs: integerOrNull(row['expires_at_ms']),
  };
}
