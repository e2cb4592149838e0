/** The block list of a node over a real store, with its kernel and its workers played by sets. */
import type { ListedBlocks } from '#feeds/listed-blocks.ts';
import { kernelItems } from '#roles/block-entries.ts';
import type { FleetBlocks } from '#roles/block-sources.ts';
import type { BlockItem } from '#roles/ipc.ts';
import type { ListSizes } from '#roles/list-room.ts';
import { NodeBlocks } from '#roles/node-blocks.ts';
import { createLog } from '#telemetry/log.ts';
import { openBlockStore } from './state-stores.ts';

type Enforced = Map<string, string>;

export class EnforcingNode {
  readonly store: ReturnType<typeof openBlockStore>;
  readonly blocks: NodeBlocks;
  /** Target → action. */
  readonly kernel: Enforced = new Map();
  readonly workers: Enforced = new Map();
  readonly degraded = new Map<string, string>();
  #version = 0;

  constructor(
    directory: string,
    fleet: FleetBlocks | null,
    sizes: ListSizes | null = null,
    lists: ListedBlocks | null = null,
  ) {
    this.store = openBlockStore(directory);
    const apply = (to: Enforced, add: readonly BlockItem[], remove: readonly string[]) => {
      for (const target of remove) to.delete(target);
      for (const { target, action } of add) to.set(target, action ?? 'drop');
    };
    this.blocks = new NodeBlocks({
      store: this.store,
      fleet,
      lists,
      version: 0,
      shield: {
        sizes,
        changeBlocks: async (add, remove) => {
          apply(this.kernel, add, remove);
          return true;
        },
        hits: async () => null,
      },
      supervisor: {
        changeBlocks: async (version, add, remove) => {
          if (version !== this.#version + 1) throw new Error('a version was left out');
          this.#version = version;
          apply(this.workers, add, remove);
          return 2;
        },
        setDegraded: (part, reason) => {
          if (reason === null) this.degraded.delete(part);
          else this.degraded.set(part, reason);
        },
      },
      log: createLog('fatal', 'test'),
    });
    apply(this.workers, this.blocks.items().items, []);
    apply(this.kernel, kernelItems(this.blocks.items().items), []);
  }

  [Symbol.dispose](): void {
    this.store.close();
  }
}
