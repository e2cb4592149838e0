/**
 * Rates and behaviour of the node: what its workers saw goes through `#behaviour/behaviour.ts`, what follows is
 * blocked (`behaviour-blocks.ts`) or told to the workers, and what was learned is kept over a restart.
 */
import type { PartStatus } from '#admin/part-status.ts';
import { Behaviour, type BehaviourOrder, type BehaviourState } from '#behaviour/behaviour.ts';
import type { BehaviourSeen } from '#behaviour/messages.ts';
import type { Config } from '#config/schema.ts';
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { routeName } from '#proxy/snapshot.ts';
import type { MetricFamily, Series } from '#telemetry/metrics.ts';
import { BehaviourBlocks, behaviourBlockFamilies } from './behaviour-blocks.ts';
import { readBehaviour, writeBehaviour } from './behaviour-file.ts';
import type { NodePart, NodePartHost } from './node-parts.ts';
import { rateStatus } from './rate-status.ts';
import { tallyFamilies } from './worker-behaviour.ts';

const keepMs = 60_000;
const part = 'behaviour';

export const behaviourFamilies = {
  ...behaviourBlockFamilies,
  ...tallyFamilies,
  addresses: {
    name: 'weir_behaviour_addresses',
    type: 'gauge',
    help: 'Addresses whose requests behaviour counts.',
  },
  forgotten: {
    name: 'weir_behaviour_forgotten_total',
    type: 'counter',
    help: 'Addresses that behaviour began to count anew before their window was over, for want of room.',
  },
  surges: {
    name: 'weir_behaviour_surges_total',
    type: 'counter',
    help: 'Times a route got many times what is usual, and was challenged.',
  },
} as const satisfies Record<string, MetricFamily>;

export class NodeBehaviour implements NodePart {
  readonly name = part;
  readonly #host: NodePartHost;
  readonly #blocks: BehaviourBlocks;
  readonly #addresses: Series;
  readonly #forgotten: Series;
  readonly #surges: Series;
  #live: Behaviour | null = null;
  /** By those before it. */
  #forgottenBefore = 0;
  #config: Config | null = null;
  #kept: BehaviourState | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(host: NodePartHost) {
    this.#host = host;
    const { registry } = host;
    this.#blocks = new BehaviourBlocks(registry, host.log);
    const { addresses, forgotten, surges } = behaviourFamilies;
    this.#addresses = registry.gauge(addresses.name, addresses.help);
    this.#forgotten = registry.counter(forgotten.name, forgotten.help);
    this.#surges = registry.counter(surges.name, surges.help);
  }

  async start(config: Config): Promise<void> {
    try {
      this.#kept = await readBehaviour(this.#host.statePath);
    } catch (error) {
      const reason = describeError(error);
      this.#host.log.warn({ reason }, 'what behaviour had learned cannot be read; it begins anew');
    }
    this.follow(config);
    this.#timer = setInterval(() => void this.#keep(), keepMs).unref();
  }

  follow(config: Config): void {
    const { behaviour: settings } = config;
    const before = this.#live;
    this.#config = config;
    if (settings === undefined) {
      this.#kept = before?.state(wallMs()) ?? this.#kept;
      this.#live = null;
    } else if (JSON.stringify(before?.settings) !== JSON.stringify(settings)) {
      this.#forgottenBefore = this.#forgotten.value;
      this.#live = new Behaviour(settings, before?.state(wallMs()) ?? this.#kept);
    }
    this.#live?.retainRoutes(config.routes.map(({ match }) => routeName(match)));
    this.#tellSurges();
  }

  take({ addresses, routes, logins }: BehaviourSeen): void {
    const live = this.#live;
    if (live === null) return;
    const now = wallMs();
    for (const { address, seconds } of logins) {
      const order = live.failedLogins(address, seconds, now);
      if (order !== null) this.#order(order);
    }
    for (const order of live.take(addresses, now)) this.#order(order);
    const began = live.takeRoutes(routes, now);
    for (const route of began) {
      this.#surges.value++;
      const { mode } = live.settings;
      this.#host.log.warn({ route, mode }, 'a route gets many times what is usual');
    }
    if (began.length > 0) this.#tellSurges();
    this.#forgotten.value = this.#forgottenBefore + live.forgotten;
    this.#addresses.value = live.addresses(now);
  }

  join(slot: number): void {
    this.#tellSurges(slot);
  }

  status(): PartStatus['behaviour'] {
    const live = this.#live;
    const now = wallMs();
    const learned = live?.learned() ?? [];
    return {
      rates: rateStatus(this.#config, this.#host.supervisor()),
      behaviour:
        live === null
          ? null
          : {
              mode: live.settings.mode,
              addresses: live.addresses(now),
              tableBytes: live.bytes,
              blocked: this.#blocks.made,
              routesLearned: learned.filter(({ usual }) => usual !== null).length,
              routesLearning: learned.filter(({ usual }) => usual === null).length,
              surges: live
                .challenged(now)
                .map(({ route, untilMs }) => ({ route, until: new Date(untilMs).toISOString() })),
            },
    };
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#keep();
  }

  #order(order: BehaviourOrder): void {
    const node = this.#host.node();
    // While it starts there is nobody to keep it; who goes on is found again once his time is over.
    if (node !== null && this.#live !== null)
      void this.#blocks.block(node, this.#live.settings, order);
  }

  /** In mode monitor they are logged alone. */
  #tellSurges(slot?: number): void {
    const live = this.#live;
    const surges =
      live === null || live.settings.mode === 'monitor' ? [] : live.challenged(wallMs());
    this.#host.send({ part, surges }, slot);
  }

  async #keep(): Promise<void> {
    if (this.#live === null) return;
    try {
      await writeBehaviour(this.#host.statePath, this.#live.state(wallMs()));
      this.#host.setDegraded(part, null);
    } catch (error) {
      this.#host.setDegraded(part, `what was learned cannot be kept: ${describeError(error)}`);
    }
  }
}
