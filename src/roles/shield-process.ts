/** The process that holds the kernel maps: what the supervisor says goes in, counters come out. */
import { assert, unreachable } from '#core/assert.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { readCounters } from '#synproxy/counters.ts';
import { KernelLists } from '#synproxy/kernel-lists.ts';
import { type LoadedShield, openShield, readShieldObject } from '#synproxy/shield-object.ts';
import { sha256Of } from './kernel-ladder.ts';
import { ShieldGuards } from './shield-guards.ts';
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

type Open = {
  readonly guards: ShieldGuards;
  readonly shield: LoadedShield;
  readonly lists: KernelLists;
};

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
        const object = readShieldObject();
        if (sha256Of(object) !== message.objectSha256)
          throw new WeirError(
            'SHIELD_FAILED',
            'build/bpf/shield.o is not the program that is loaded, so its maps cannot be read; stop the node and start it',
          );
        const shield = openShield(message.descriptors, object);
        const lists = new KernelLists(shield.maps, shield.layout, shield.config);
        this.#allowed = message.allowed;
        await lists.replaceAll([
          ...message.allowed.map((target) => ({ target, action: 'allow' }) as const),
          ...message.blocks.map(({ target }) => ({ target, action: 'drop' }) as const),
        ]);
        const guards = new ShieldGuards(shield, message.guards, (problem) =>
          send({ kind: 'cookie-problem', problem }),
        );
        this.#open = { shield, lists, guards };
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
        const { shield, lists, guards } = this.#live();
        const { exact, prefixes, allowed } = lists.counts;
        return {
          cookies: guards.cookies,
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
