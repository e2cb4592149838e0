/**
 * The orchestrator's membership of its fleet: the bus, its copy of the decisions, the nodes it hears of, and the
 * lock by which one of several orchestrators acts.
 *
 * ```
 * bus ─► hello, beat ─► NodeRegistry ─► dead ─► webhooks (of the leader)
 *     ─► decisions ───► Intake ───────► DecisionLog ◄─── FleetBlocks ◄─── API
 *     ─► ack ─────────► AckBoard ──────────────────────────┘
 *     ◄─ commands ────── NodeCommands ◄─── API
 * ```
 */
import type { KeyObject } from 'node:crypto';
import type { OrchestratorConfig } from '#config/orchestrator-schema.ts';
import { monotonicMs, wallMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { DecisionLog } from '#decisions/decision-log.ts';
import type { Trust } from '#decisions/trust.ts';
import { AckBoard } from '#fleet/ack-board.ts';
import { Bus } from '#fleet/bus.ts';
import type { BusMessage } from '#fleet/bus-queue.ts';
import { readCredentials, readSigningKey, readTls } from '#fleet/credentials.ts';
import { DigestTurns } from '#fleet/digest-turns.ts';
import { FleetState } from '#fleet/fleet-state.ts';
import { Intake } from '#fleet/intake.ts';
import { ensureStream } from '#fleet/jet-stream.ts';
import { KeyValue } from '#fleet/key-value.ts';
import { encodeMessage, type Message, type MessageKind, parseMessage } from '#fleet/messages.ts';
import { otherMembers } from '#fleet/peers.ts';
import { Repair } from '#fleet/repair.ts';
import { believedTrust, RosterSync } from '#fleet/roster-sync.ts';
import {
  ackSubject,
  batchesSubject,
  decisionsSubject,
  everyMember,
  inboxPrefix,
  keyValueBucket,
  memberOf,
  nodeSubject,
} from '#fleet/subjects.ts';
import type { StateDatabase } from '#state/state-database.ts';
import type { Logger } from '#telemetry/log.ts';
import { FleetBlocks } from './fleet-blocks.ts';
import { LeaderLock } from './leader-lock.ts';
import { NodeCommands } from './node-commands.ts';
import { type KnownNode, NodeRegistry } from './node-registry.ts';
import { RolloutConductor } from './rollout-conductor.ts';
import { RolloutStore } from './rollout-store.ts';
import { Rollouts } from './rollouts.ts';
import { reissueStolen } from './stolen-keys.ts';

export type OrchestratorFleetOptions = {
  readonly config: OrchestratorConfig & {
    readonly fleet: NonNullable<OrchestratorConfig['fleet']>;
  };
  readonly state: StateDatabase;
  readonly directory: string;
  /** Of the API, told to whoever asks a follower. */
  readonly address: string;
  readonly version: string;
  readonly log: Logger;
  /** Of a node nobody stopped, on the leader; resolves when it needs no further telling. */
  readonly tellDeath: (node: KnownNode) => Promise<void>;
};

const sweepMs = 1_000;
const flushMs = 10_000;
const digestMs = 60_000;
/** Deaths before this one became the leader that it tells of: the leader before may not have come to it. */
const untoldMs = 300_000;

export class OrchestratorFleet {
  readonly name: string;
  readonly self: string;
  readonly trust: Trust;
  readonly signingKey: KeyObject;
  readonly registry: NodeRegistry;
  readonly blocks: FleetBlocks;
  readonly commands: NodeCommands;
  readonly leader: LeaderLock;
  readonly rollouts: Rollouts;
  readonly bus: Bus;
  readonly intake: Intake;
  readonly repair: Repair;
  readonly roster: RosterSync;
  /** Messages that were none, or not of whom they said. */
  refusedMessages = 0;
  /** By what failed; empty when all is well. */
  readonly problems = new Map<string, string>();
  readonly #options: OrchestratorFleetOptions;
  readonly #decisions: DecisionLog;
  readonly #acks = new AckBoard();
  readonly #digests: DigestTurns;
  readonly #startedAtMs = wallMs();
  readonly #timers: NodeJS.Timeout[] = [];
  #streamIsMade = false;

  /** Throws what its files are wrong with; connects by itself when `start` is called. */
  constructor(options: OrchestratorFleetOptions) {
    const { config, state, directory, log, address } = options;
    const { fleet } = config;
    this.#options = options;
    this.name = fleet.name;
    this.self = fleet.nodeId;
    this.trust = believedTrust(fleet.trust, directory);
    this.signingKey = readSigningKey(fleet.signingKey);
    const { signingKey } = this;
    this.bus = new Bus({
      servers: fleet.nats,
      name: `${this.name} ${this.self}`,
      inboxPrefix: inboxPrefix(this.self),
      credentials: readCredentials(fleet.auth),
      renew: () => readCredentials(fleet.auth),
      tls: readTls(fleet.tls, fleet.nats),
      log,
    });
    this.#decisions = DecisionLog.open(
      {
        directory,
        trust: this.trust,
        self: { id: this.self, privateKey: signingKey },
        protected: fleet.neverBlock,
      },
      wallMs(),
    );
    this.intake = new Intake({
      log: this.#decisions,
      // Nothing is enforced here, so nothing is acknowledged either.
      enforce: async () => ({ version: 0, workers: 0, kernel: false }),
      acknowledge: () => {},
      now: wallMs,
      logger: log,
      setProblem: (reason) => this.#setProblem('decisions', reason),
    });
    this.registry = new NodeRegistry({
      state,
      deadAfterMs: config.nodes.deadAfterMs,
      forgetAfterMs: config.nodes.forgetAfterMs,
      nodesMax: config.nodes.max,
      wallMs,
      monotonicMs,
      onDeath: (node) => this.#died(node),
    });
    this.repair = new Repair({
      fleet: this.name,
      self: this.self,
      bus: this.bus,
      log: this.#decisions,
      intake: this.intake,
      state: FleetState.open(directory),
      logger: log,
      now: wallMs,
      others: otherMembers(this.trust, this.self),
    });
    this.roster = new RosterSync({
      ...{ fleet: this.name, self: this.self, directory, trust: this.trust, bus: this.bus },
      before: (newer) => this.#reissueStolen(newer),
      adopted: async (issuers) => this.#adopted(issuers),
      setDegraded: (part, reason) => this.#setProblem(part, reason),
      logger: log,
    });
    this.#digests = new DigestTurns({
      everyMs: digestMs,
      root: () => this.#decisions.digest().root,
      say: () => this.#sayDigest(),
    });
    this.blocks = new FleetBlocks({
      log: this.#decisions,
      bus: this.bus,
      fleet: this.name,
      acks: this.#acks,
      wallMs,
      // One that drains still keeps out whom it was told to.
      expected: () =>
        this.registry.list().filter(({ state: at }) => at !== 'gone' && at !== 'dead').length,
    });
    this.commands = new NodeCommands({
      ...{ state, bus: this.bus, fleet: this.name, issuer: this.self, signingKey, wallMs },
    });
    const keys = new KeyValue(this.bus, keyValueBucket(this.name));
    this.leader = new LeaderLock(keys, { id: this.self, address }, log);
    const store = new RolloutStore(state, directory);
    const conductor = new RolloutConductor({
      fleet: this.name,
      ...{ self: this.self, trust: this.trust, signingKey, bus: this.bus, log, wallMs, store },
      ...{ registry: this.registry, leader: this.leader },
      setProblem: (part, reason) => this.#setProblem(part, reason),
    });
    this.rollouts = new Rollouts({ conductor, store, wallMs, hold: config.rollouts.hold });
    this.leader.onChange = (isLeader) => {
      if (isLeader) this.#tellUntold();
    };
  }

  start(): void {
    const { bus, name, self } = this;
    bus.onEvent((event) => {
      if (event === 'connected') this.registry.listen(true);
      if (event === 'disconnected') this.registry.listen(false);
      if (event === 'connected') {
        this.#greet();
        this.#digests.connected();
        this.leader.start();
        void this.#makeStream();
      }
      if (event === 'gap') this.repair.catchUp();
    });
    const every = everyMember;
    bus.subscribe(decisionsSubject(name, every), ({ subject, bytes }) => {
      // Our own come back to us.
      if (memberOf(subject) !== self) this.intake.take(bytes);
    });
    bus.subscribe(batchesSubject(name, self), (message) => this.repair.answer(message));
    this.#hear('hello', (message) => this.registry.hello(message));
    this.#hear('beat', (message) => this.registry.beat(message));
    this.#hear('digest', (message) => {
      this.repair.compare(message);
      this.#digests.heard(message.root);
    });
    bus.subscribe(ackSubject(name, every, self), (message) => {
      const said = this.#read('ack', message);
      if (said !== null && said.issuer === self) this.#acks.note(said);
    });
    this.rollouts.conductor.start();
    this.roster.start();
    bus.open();
    this.#digests.start();
    this.#timers.push(
      setInterval(() => this.#attempt(() => this.#sweep()), sweepMs),
      setInterval(() => this.#attempt(() => this.#flush()), flushMs),
    );
  }

  /** What only one of several orchestrators does. Throws NOT_LEADER. */
  checkLeads(): void {
    const { leader } = this.leader;
    if (this.leader.isLeader) return;
    if (leader !== null)
      throw new WeirError('NOT_LEADER', `${leader.id} leads, and this is ${this.self}`, {
        details: [`call ${leader.address} on its machine`],
      });
    // Decisions merge, so nothing is lost where two decide while nobody knows who leads.
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#digests.close();
    await this.rollouts.conductor.close();
    await this.roster.close();
    await this.leader.close();
    await this.repair.close();
    await this.intake.close();
    await this.bus.close();
    this.registry.flush();
    this.#decisions.close();
  }

  #hear<K extends 'hello' | 'beat' | 'digest'>(kind: K, take: (message: Message<K>) => void): void {
    this.bus.subscribe(nodeSubject(this.name, everyMember, kind), (message) => {
      const said = this.#read(kind, message);
      if (said !== null) this.#attempt(() => take(said));
    });
  }

  /** Null for what is no message, or is from nobody the trust file has. */
  #read<K extends MessageKind>(kind: K, { subject, bytes }: BusMessage): Message<K> | null {
    const from = memberOf(subject);
    const parsed = from === null ? null : parseMessage(kind, bytes, from);
    // Ours, and what other orchestrators say of themselves; what they know of blocks counts as anybody's.
    const isPeer = from !== null && this.trust.member(from)?.role === 'orchestrator';
    if (isPeer && (kind !== 'digest' || from === this.self)) return null;
    if (from !== null && parsed?.ok === true && this.trust.member(from) !== null)
      return parsed.message;
    this.refusedMessages++;
    return null;
  }

  /** Before its key is not believed any more: what an honest member decided goes on holding, by our word. */
  #reissueStolen(newer: Trust): void {
    if (this.leader.leader !== null && !this.leader.isLeader) return;
    const { left, batches } = reissueStolen(this.#decisions, this.trust, newer, wallMs());
    for (const { bytes } of batches)
      this.bus.publish(decisionsSubject(this.name, this.self), bytes);
    this.#setProblem(
      'stolen keys',
      left === 0
        ? null
        : `${left} decisions of a member whose key was stolen could not be issued again and have ended; import them again`,
    );
  }

  #adopted(issuers: ReadonlySet<string>): void {
    this.#decisions.distrust(issuers, wallMs());
    // Nobody died: they were taken out.
    for (const { id } of this.registry.list())
      if ((this.trust.member(id)?.retiredAtMs ?? 0) < Number.POSITIVE_INFINITY)
        this.registry.plan(id, 'terminating');
    // Whoever is new says who it is now, and not with its next hello.
    if (this.bus.state === 'connected') this.#greet();
  }

  /** Nodes that hear it say who they are. */
  #greet(): void {
    const hello = encodeMessage('hello', {
      ...{ v: 1, node: this.self, addresses: [], region: null, tags: [] },
      version: this.#options.version,
      ...{ modules: {}, shield: 'none', startedAtMs: this.#startedAtMs, admin: '' },
    });
    this.bus.publish(nodeSubject(this.name, this.self, 'hello'), hello);
  }

  /** What this member decided and the bus lost is found by it. */
  #sayDigest(): void {
    if (this.bus.state !== 'connected') return;
    const { root, buckets, count } = this.#decisions.digest();
    const said = { v: 1, node: this.self, atMs: wallMs(), entries: count, root, buckets } as const;
    this.bus.publish(nodeSubject(this.name, this.self, 'digest'), encodeMessage('digest', said));
  }

  #sweep(): void {
    this.registry.sweep();
    this.#decisions.expire(wallMs());
  }

  #flush(): void {
    this.registry.flush();
    this.#decisions.compact();
    for (const { bytes } of this.#decisions.reissue(wallMs())?.batches ?? [])
      this.bus.publish(decisionsSubject(this.name, this.self), bytes);
    if (this.bus.state === 'connected' && !this.#streamIsMade) void this.#makeStream();
  }

  /** Nobody waits for it, so its failure is a line in the log and a part of the status. */
  #attempt(work: () => void): void {
    try {
      work();
      this.#setProblem('nodes', null);
    } catch (error) {
      this.#setProblem('nodes', describeError(error));
      this.#options.log.error({ err: error }, 'fleet work failed');
    }
  }

  #setProblem(part: string, reason: string | null): void {
    if (reason === null) this.problems.delete(part);
    else this.problems.set(part, reason);
  }

  async #makeStream(): Promise<void> {
    try {
      await ensureStream(this.bus, this.name);
      this.#streamIsMade = true;
    } catch (error) {
      this.#options.log.debug({ reason: describeError(error) }, 'no stream made');
    }
  }

  #died(node: KnownNode): void {
    this.#options.log.warn({ node: node.id }, 'node is dead');
    if (this.leader.isLeader) this.#tell(node);
  }

  #tellUntold(): void {
    for (const node of this.registry.list())
      if (node.state === 'dead' && !node.told && wallMs() - node.stateAtMs < untoldMs)
        this.#tell(node);
  }

  #tell(node: KnownNode): void {
    void this.#options
      .tellDeath(node)
      .then(() => this.registry.told(node.id))
      .catch((error: unknown) =>
        this.#options.log.error({ node: node.id, err: error }, 'death not told'),
      );
  }
}
