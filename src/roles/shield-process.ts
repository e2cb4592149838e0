/** The process that holds the kernel maps: what the supervisor says goes in, counters come out. */
import { readFileSync } from 'node:fs';
import { assert, unreachable } from '#core/assert.ts';
import { describeError } from '#core/errors.ts';
import { readCounters } from '#synproxy/counters.ts';
import { KernelLists } from '#synproxy/kernel-lists.ts';
import { openShield, shieldObjectFile } from '#synproxy/shield-object.ts';
import type { FromShield, ShieldCounters, ToShield } from './shield-ipc.ts';

export function runShield(): void {
  const shield = new ShieldProcess();
  let queue = Promise.resolve();
  process.on('message', (message) => {
    queue = queue.then(() => shield.handle(message as ToShield));
  });
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole process group; ending is the supervisor's decision.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
}

type Open = { readonly shield: ReturnType<typeof openShield>; readonly lists: KernelLists };

class ShieldProcess {
  #open: Open | null = null;
  #allowed: readonly string[] = [];

  async handle(message: ToShield): Promise<void> {
    try {
      send({ kind: 'reply', id: message.id, error: null, counters: await this.#do(message) });
    } catch (error) {
      send({ kind: 'reply', id: message.id, error: describeError(error), counters: null });
    }
  }

  async #do(message: ToShield): Promise<ShieldCounters | null> {
    switch (message.kind) {
      case 'start': {
        const shield = openShield(message.descriptors, readFileSync(shieldObjectFile));
        const lists = new KernelLists(shield.maps, shield.layout);
        this.#allowed = message.allowed;
        await lists.replaceAll([
          ...message.allowed.map((target) => ({ target, action: 'allow' }) as const),
          ...message.blocks.map(({ target }) => ({ target, action: 'drop' }) as const),
        ]);
        shield.config.flag('lists', true);
        this.#open = { shield, lists };
        return null;
      }
      case 'blocks':
        this.#live().lists.apply(
          message.add.map(({ target }) => ({ target, action: 'drop' })),
          message.remove,
        );
        return null;
      case 'allowed':
        this.#live().lists.apply(
          message.allowed.map((target) => ({ target, action: 'allow' })),
          [],
          this.#allowed,
        );
        this.#allowed = message.allowed;
        return null;
      case 'counters': {
        const { shield, lists } = this.#live();
        const { exact, prefixes, allowed } = lists.counts;
        return {
          exact,
          prefixes,
          allowed,
          verdicts: readCounters(shield.maps.stats, shield.layout),
        };
      }
      default:
        return unreachable(message);
    }
  }

  #live(): Open {
    assert(this.#open !== null, 'start comes first');
    return this.#open;
  }
}

function send(message: FromShield): void {
  if (process.connected) process.send?.(message);
}
