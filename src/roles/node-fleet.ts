/**
 * The fleet as a node has it: who it is there from its configuration, the member itself while the stores are
 * open, and what the management API asks of it.
 *
 * A node without a `fleet` section has one that is off: nothing is read, connected or loaded.
 */
import type { FleetBlockRequest, FleetControl } from '#admin/fleet-control.ts';
import {
  type FleetBlockAnswer,
  type FleetStatus,
  fleetTtlSecondsMax,
} from '#admin/fleet-schema.ts';
import type { Config } from '#config/schema.ts';
import { wallMs } from '#core/clock.ts';
import { WeirError } from '#core/errors.ts';
import { formatCidr } from '#core/ip.ts';
import type { DecisionRequest } from '#decisions/decision.ts';
import type { DecisionLog } from '#decisions/decision-log.ts';
import type { Command } from '#fleet/command.ts';
import type { CounterSync } from '#fleet/counter-sync.ts';
import { readCredentials, readSigningKey, readTls } from '#fleet/credentials.ts';
import type { FleetNode, NodeFacts } from '#fleet/fleet-node.ts';
import { FleetState } from '#fleet/fleet-state.ts';
import { believedTrust, type RosterSync } from '#fleet/roster-sync.ts';
import { inboxPrefix } from '#fleet/subjects.ts';
import type { Logger } from '#telemetry/log.ts';
import { canonicalTarget } from './block-entries.ts';
import type { NodeBlocks } from './node-blocks.ts';
import type { NodeRollout } from './node-rollout.ts';
import type { FleetIdentity } from './node-stores.ts';
import { protectedRanges } from './protected-addresses.ts';
import type { RolloutHost } from './rule-applier.ts';
import type { SharedHub } from './shared-hub.ts';

/** Throws FLEET_TRUST_INVALID, FLEET_KEY_UNUSABLE; null where the configuration has no fleet. */
export function fleetIdentity(config: Config): FleetIdentity | null {
  const { fleet } = config;
  if (fleet === undefined) return null;
  return {
    trust: believedTrust(fleet.trust, config.state),
    self: { id: fleet.nodeId, privateKey: readSigningKey(fleet.signingKey) },
    protected: fleetProtected(config),
  };
}

/** What this node lives by, the servers of the bus among it. */
export function fleetProtected(config: Config): string[] {
  return config.fleet === undefined ? [] : protectedRanges(config).map(formatCidr);
}

export type NodeFleetHost = {
  readonly facts: NodeFacts;
  readonly blocks: Pick<NodeBlocks, 'changeFleet'>;
  readonly hub: Pick<SharedHub, 'counters' | 'replica' | 'addFleet' | 'onCounted'>;
  readonly obey: (command: Command) => Promise<void>;
  readonly checkMayChange: () => void;
  readonly rules: RolloutHost;
};

export type NodeFleetOptions = {
  readonly config: Config;
  readonly identity: FleetIdentity | null;
  readonly statePath: string;
  readonly log: Logger;
  readonly setDegraded: (part: string, reason: string | null) => void;
};

export class NodeFleet implements FleetControl {
  readonly #options: NodeFleetOptions;
  #host: NodeFleetHost | null = null;
  #node: FleetNode | null = null;
  #counting: CounterSync | null = null;
  #log: DecisionLog | null = null;
  #rollout: NodeRollout | null = null;
  #roster: RosterSync | null = null;

  constructor(options: NodeFleetOptions) {
    this.#options = options;
  }

  /** With the stores open. Whether there is a bus shows in the status; nobody waits for it. */
  async open(log: DecisionLog | null, host: NodeFleetHost | null = this.#host): Promise<void> {
    this.#host = host;
    const { config, identity, statePath, setDegraded } = this.#options;
    const { fleet } = config;
    if (fleet === undefined || identity === null || log === null || host === null) return;
    // A node in no fleet does not load the client of the bus.
    const [{ Bus }, { FleetNode }, { NodeRollout }, { CounterSync }, { RosterSync }] =
      await Promise.all([
        import('#fleet/bus.ts'),
        import('#fleet/fleet-node.ts'),
        import('./node-rollout.ts'),
        import('#fleet/counter-sync.ts'),
        import('#fleet/roster-sync.ts'),
      ]);
    const logger = this.#options.log.child({ part: 'fleet' });
    const bus = new Bus({
      servers: fleet.nats,
      name: fleet.nodeId,
      inboxPrefix: inboxPrefix(fleet.nodeId),
      credentials: readCredentials(fleet.auth),
      renew: () => readCredentials(fleet.auth),
      tls: readTls(fleet.tls, fleet.nats),
      log: logger,
    });
    this.#log = log;
    this.#node = new FleetNode({
      fleet: fleet.name,
      trust: identity.trust,
      ...{ log, bus, logger, setDegraded },
      state: FleetState.open(statePath),
      enforce: (change) => host.blocks.changeFleet(change),
      facts: host.facts,
      obey: host.obey,
      digestMs: fleet.digestMs,
      now: wallMs,
    });
    this.#rollout = new NodeRollout({
      fleet: fleet.name,
      self: fleet.nodeId,
      tags: fleet.tags,
      trust: identity.trust,
      state: statePath,
      host: host.rules,
      now: wallMs,
      ...{ bus, logger, setDegraded },
    });
    this.#rollout.start();
    const { hub } = host;
    const counting = new CounterSync({
      fleet: fleet.name,
      self: fleet.nodeId,
      signingKey: identity.self.privateKey,
      ...{ trust: identity.trust, bus, logger, setDegraded },
      ...{ counters: hub.counters, replica: hub.replica, syncMs: fleet.counterSyncMs },
      deliver: (deltas) => hub.addFleet(deltas),
      now: wallMs,
    });
    hub.onCounted = (deltas) => counting.counted(deltas);
    this.#counting = counting;
    counting.start();
    this.#roster = new RosterSync({
      ...{ fleet: fleet.name, self: fleet.nodeId, directory: statePath },
      ...{ trust: identity.trust, bus, logger, setDegraded },
      adopted: async (issuers) => {
        await host.blocks.changeFleet(log.distrust(issuers, wallMs()));
      },
    });
    this.#roster.start();
    this.#node.start();
  }

  /** What is never blocked has changed. */
  async protect(config: Config): Promise<void> {
    if (this.#log === null || this.#host === null) return;
    await this.#host.blocks.changeFleet(this.#log.protect(fleetProtected(config), wallMs()));
  }

  /** Before the stores close: of a node that ends, or of one that hands them to the process after it. */
  async close(isEnd: boolean): Promise<void> {
    const node = this.#node;
    this.#counting?.close();
    this.#node = null;
    this.#counting = null;
    this.#log = null;
    this.#rollout?.close();
    this.#rollout = null;
    await this.#roster?.close();
    this.#roster = null;
    await node?.close(isEnd);
  }

  get rollout(): NodeRollout | null {
    return this.#rollout;
  }

  get counting(): CounterSync | null {
    return this.#counting;
  }

  get node(): FleetNode | null {
    return this.#node;
  }

  status(): FleetStatus | null {
    const counters = this.#counting?.status;
    return this.#node === null || counters === undefined
      ? null
      : {
          ...this.#node.status(),
          ...{ counters, rules: this.#rollout?.items() ?? [] },
          roster: this.#roster?.version ?? null,
        };
  }

  /** The state of the node has changed. */
  announce(): void {
    void this.#node?.announce();
  }

  async addBlock(request: FleetBlockRequest): Promise<FleetBlockAnswer> {
    const { target, action, ttlSeconds, reason, origin, waitMs } = request;
    const expiresAtMs = wallMs() + (ttlSeconds ?? fleetTtlSecondsMax) * 1_000;
    const decision = { target: canonicalTarget(target), action, expiresAtMs, reason, origin };
    return this.#issue(decision, waitMs);
  }

  async removeBlock(text: string, origin: string, waitMs: number): Promise<FleetBlockAnswer> {
    const target = canonicalTarget(text);
    return this.#issue({ target, action: 'clear', expiresAtMs: 0, reason: '', origin }, waitMs);
  }

  async #issue(decision: DecisionRequest, waitMs: number): Promise<FleetBlockAnswer> {
    const node = this.#node;
    const log = this.#log;
    if (node === null || log === null)
      throw new WeirError('FLEET_OFF', 'this node is in no fleet', {
        details: ['add a fleet section to its configuration; "weir fleet init" makes keys and one'],
      });
    this.#host?.checkMayChange();
    const { target, action } = decision;
    const wasBlocked = log.enforced.find(target) !== null;
    const startedAt = performance.now();
    const answer = await node.issue([decision], waitMs);
    return {
      target,
      action,
      expiresAt: action === 'clear' ? null : new Date(decision.expiresAtMs).toISOString(),
      ...answer.enforced,
      issuer: log.self,
      sequence: answer.sequence,
      published: answer.isPublished,
      others: answer.others,
      present: answer.present,
      acknowledged: answer.acknowledged,
      waitedMs: waitMs === 0 ? 0 : Math.round(performance.now() - startedAt),
      removed: action === 'clear' && wasBlocked,
    };
  }
}
