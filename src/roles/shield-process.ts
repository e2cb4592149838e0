/** The process that holds the kernel maps: what the supervisor says goes in, counters come out. */
import { assert, unreachable } from '#core/assert.ts';
import { wallMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { readCounters, readLost } from '#synproxy/counters.ts';
import { KernelLists } from '#synproxy/kernel-lists.ts';
import type { ListItem } from '#synproxy/list-tables.ts';
import { readObject } from '#synproxy/object-copy.ts';
import { type LoadedShield, openShield, readShieldObject } from '#synproxy/shield-object.ts';
import type { KernelItem } from './ipc.ts';
import { sha256Of } from './kernel-ladder.ts';
import { unpackBlocks } from './packed-blocks.ts';
import { ShieldGuards } from './shield-guards.ts';
import { ShieldInspection } from './shield-inspection.ts';
import type { EntryHits, FromShield, ShieldReply, ToShield } from './shield-ipc.ts';
import { ShieldRules } from './shield-rules.ts';
import { ShieldWatch } from './shield-watch.ts';

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
  readonly watch: ShieldWatch;
  readonly rules: ShieldRules;
  readonly inspection: ShieldInspection;
};

type Answer = Partial<Pick<ShieldReply, 'counters' | 'top' | 'hits'>>;

class ShieldProcess {
  #open: Open | null = null;
  #allowed: readonly string[] = [];

  async handle(message: ToShield): Promise<void> {
    const reply = {
      kind: 'reply',
      id: message.id,
      error: null,
      counters: null,
      top: null,
      hits: null,
    } as const;
    try {
      send({ ...reply, ...(await this.#do(message)) });
    } catch (error) {
      send({ ...reply, error: describeError(error) });
    }
  }

  async #do(message: ToShield): Promise<Answer> {
    switch (message.kind) {
      case 'start': {
        const object = loadedObject(message.descriptors, message.objectSha256);
        const shield = openShield(message.descriptors, object);
        const lists = new KernelLists(shield.maps, shield.layout, shield.config);
        this.#allowed = message.allowed;
        await lists.replaceAll([
          ...message.allowed.map((target) => ({ target, action: 'allow' }) as const),
          ...message.blocks.map(listItem),
        ]);
        const rules = new ShieldRules(shield, message.rulesLeft);
        rules.replace(message.rules);
        const inspection = new ShieldInspection(shield, send, (number) => rules.idOf(number));
        const guards = new ShieldGuards(shield, message.guards, (problem) =>
          send({ kind: 'cookie-problem', problem }),
        );
        const watch = new ShieldWatch(shield, message.guards.kernel.detect, (finding) =>
          send({ kind: 'finding', finding }),
        );
        this.#open = { shield, lists, rules, inspection, guards, watch };
        // Last: what holds without it must not wait for a module that cannot be made.
        await inspection.change(message.inspection);
        return {};
      }
      case 'blocks':
        this.#live().lists.apply(unpackBlocks(message.add).map(listItem), message.remove);
        return {};
      case 'guards':
        this.#live().guards.change(message.kernel);
        this.#live().watch.change(message.kernel.detect);
        return {};
      case 'rules':
        this.#live().rules.replace(message.rules);
        return {};
      case 'inspection':
        await this.#live().inspection.change(message.inspection);
        return {};
      case 'allowed':
        this.#live().lists.apply(
          message.allowed.map((target) => ({ target, action: 'allow' })),
          [],
          this.#allowed,
        );
        this.#allowed = message.allowed;
        return {};
      case 'hits':
        return { hits: this.#hitsOf(message.targets) };
      case 'counters': {
        const { shield, lists, rules, inspection, guards } = this.#live();
        const { exact, prefixes, allowed } = lists.counts;
        return {
          counters: {
            cookies: guards.cookies,
            exact,
            prefixes,
            allowed,
            lost: readLost(shield.maps.lost, shield.layout),
            verdicts: readCounters(shield.maps.stats, shield.layout),
            rules: rules.counted,
            inspection: inspection.state,
            samples: inspection.samples,
          },
        };
      }
      case 'top':
        return { top: this.#live().watch.top(message.order, message.count) };
      default:
        return unreachable(message);
    }
  }

  #hitsOf(targets: readonly string[]): EntryHits[] {
    const { lists } = this.#live();
    const bootMs = wallMs() - Number(process.hrtime.bigint() / 1_000_000n);
    return targets.flatMap((target) => {
      const count = lists.hitsOf(target);
      if (count === null) return [];
      // The kernel's clock begins at boot, as hrtime does.
      const lastSeenMs = count.lastNs === 0 ? null : Math.round(bootMs + count.lastNs / 1e6);
      return [{ target, packets: count.hits, lastSeenMs }];
    });
  }

  #live(): Open {
    assert(this.#open !== null, 'start comes first');
    return this.#open;
  }
}

/** What lies on disk may be another one by now. */
function loadedObject(
  { object }: Readonly<Record<string, number>>,
  sha256: string | null,
): Uint8Array {
  if (object !== undefined) return readObject(object);
  const onDisk = readShieldObject();
  if (sha256Of(onDisk) !== sha256)
    throw new WeirError(
      'SHIELD_FAILED',
      'build/bpf/shield.o is not the program that is loaded, so its maps cannot be read; stop the node and start it',
    );
  return onDisk;
}

const listItem = ({ target, action }: KernelItem): ListItem => ({
  target,
  action: action ?? 'drop',
});

function send(message: FromShield): void {
  if (process.connected) process.send?.(message);
}
