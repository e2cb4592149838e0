/** The L4 rules in the kernel, as the shield process keeps them. */
import type { L4Rule } from '#core/l4-rule.ts';
import { RuleTables } from '#synproxy/rule-tables.ts';
import type { LoadedShield } from '#synproxy/shield-object.ts';
import type { RuleSet, RulesCounted } from './shield-ipc.ts';

export class ShieldRules {
  readonly #tables: RuleTables;
  #version = 0;

  /** `live`: ids of the rules that stand in the tables, in order; none where that is not known. */
  constructor({ maps, layout, config }: LoadedShield, live: readonly number[]) {
    this.#tables = new RuleTables(
      maps,
      layout,
      {
        generation: () => Number(config.get('rule_generation')),
        flip: (generation, hasRules) =>
          config.change({ rule_generation: generation }, { rules: hasRules }),
      },
      live,
    );
  }

  replace({ version, rules }: RuleSet): void {
    this.#tables.replace(rules);
    this.#version = version;
  }

  get counted(): RulesCounted {
    const hits = [...this.#tables.hits()].map(([id, counted]) => ({ id, ...counted }));
    return { version: this.#version, hits };
  }

  /** The rule that a packet names by its number. */
  idOf(number: number): L4Rule['id'] | null {
    return this.#tables.idOf(number);
  }
}
