/**
 * A node in its fleet: what it decides reaches the others, what they decide holds here, whatever becomes of the
 * bus in between.
 *
 * ```
 * weir block add --fleet ─► DecisionLog (on disk, signed) ─► bus, and kernel and workers here ─► acks are counted
 * bus, stream, peers     ─► Intake ─► DecisionLog ─► kernel, workers ─► ack
 * every 10 s a beat, every minute a digest; an order of the control plane is checked, kept, obeyed
 * ```
 *
 * Nothing here is waited for by a request, and nothing that fails here takes anything back: without a bus the
 * node enforces what it knows and says so.
 */
import { randomInt } from 'node:crypto';
import { describeError } from '#core/errors.ts';
import type { DecisionRequest } from '#decisions/decision.ts';
import type { DecisionLog } from '#decisions/decision-log.ts';
import type { Trust } from '#decisions/trust.ts';
import type { Logger } from '#telemetry/log.ts';
import { AckBoard } from './ack-board.ts';
import type { Bus } from './bus.ts';
import { acceptCommand, type Command } from './command.ts';
import { DigestTurns } from './digest-turns.ts';
import type { FleetState } from './fleet-state.ts';
import { type Enforce, type Enforced, Intake } from './intake.ts';
import {
  type Beat,
  type BeatMetrics,
  encodeMessage,
  type Hello,
  type MessageKind,
  parseMessage,
} from './messages.ts';
import { otherMembers, Peers } from './peers.ts';
import { Repair } from './repair.ts';
import {
  ackSubject,
  batchesSubject,
  commandSubject,
  decisionsSubject,
  everyMember,
  memberOf,
  nodeSubject,
} from './subjects.ts';

export const beatMs = 10_000;
/** Who comes later hears who we are within this many beats. */
const helloBeats = 6;
const compactMs = 60_000;
/** A thousand nodes do not answer a greeting at one time. */
const greetingMs = 250;
/** A clock this far off is said to be: others take at most what `clockSkewMaxMs` says. */
const clockSkewWarnMs = 30_000;

/** What a node says of itself, asked when it is said. */
export type NodeFacts = {
  hello(): Omit<Hello, 'v' | 'node'>;
  beat(): Promise<{
    readonly state: Beat['state'];
    readonly metrics: BeatMetrics;
    readonly rules: string;
    readonly degraded: readonly string[];
  }>;
};

export type FleetNodeOptions = {
  readonly fleet: string;
  readonly trust: Trust;
  readonly log: DecisionLog;
  readonly bus: Bus;
  readonly state: FleetState;
  readonly enforce: Enforce;
  readonly facts: NodeFacts;
  readonly obey: (command: Command) => Promise<void>;
  readonly digestMs: number;
  readonly setDegraded: (part: string, reason: string | null) => void;
  readonly logger: Logger;
  readonly now: () => number;
};

export type IssueAnswer = {
  /** Of the last batch. */
  readonly sequence: number;
  readonly enforced: Enforced;
  /** Other members that have said that it holds there, within the time that was waited. */
  readonly acknowledged: number;
  /** Other nodes the trust file names, and those heard of lately. */
  readonly others: number;
  readonly present: number;
  /** False: it goes out as soon as there is a bus. */
  readonly isPublished: boolean;
};

export class FleetNode {
  readonly #options: FleetNodeOptions;
  readonly #self: string;
  readonly #intake: Intake;
  readonly #repair: Repair;
  readonly #peers: Peers;
  readonly #acks = new AckBoard();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #digests: DigestTurns;
  #greeting: NodeJS.Timeout | null = null;
  #beats = 0;
  /** Of the last beat. */
  #rules = '0'.repeat(64);
  #isClosed = false;
  readonly #refusedMessages = new Map<string, number>();
  #commandsTaken = 0;
  /** One after another: what a command waits for is written. */
  #commands: Promise<void> = Promise.resolve();

  constructor(options: FleetNodeOptions) {
    const { log, trust, bus, enforce, logger, now, fleet, state, setDegraded } = options;
    this.#options = options;
    this.#self = log.self;
    this.#intake = new Intake({
      ...{ log, enforce, now, logger },
      acknowledge: (issuer, sequence, enforced) => this.#acknowledge(issuer, sequence, enforced),
      setProblem: (reason) => setDegraded('fleet decisions', reason),
      onLoss: () => this.#repair.catchUp(),
    });
    const others = otherMembers(trust, this.#self);
    this.#repair = new Repair({
      ...{ fleet, bus, log, state, logger, now, others },
      self: this.#self,
      intake: this.#intake,
    });
    this.#digests = new DigestTurns({
      everyMs: options.digestMs,
      root: () => log.digest().root,
      say: () => this.#digest(),
    });
    this.#peers = new Peers(
      (id) => id !== this.#self && trust.member(id) !== null,
      options.digestMs * 3,
    );
  }

  /** Returns at once: whether there is a bus shows in `status`. */
  start(): void {
    const { bus, fleet, trust, log, setDegraded } = this.#options;
    const self = this.#self;
    bus.subscribe(decisionsSubject(fleet, everyMember), ({ subject, bytes }) => {
      // Our own come back to us.
      if (memberOf(subject) !== self) this.#intake.take(bytes);
    });
    this.#listen(nodeSubject(fleet, everyMember, 'hello'), 'hello', (hello) => {
      this.#peers.heard(hello.node, this.#options.now(), { version: hello.version });
      if (trust.member(hello.node)?.role === 'orchestrator') this.#greet();
    });
    this.#listen(nodeSubject(fleet, everyMember, 'digest'), 'digest', (said) => {
      const now = this.#options.now();
      const { entries } = said;
      const inStep = said.root === log.digest().root;
      this.#peers.heard(said.node, now, { inStep, entries, clockSkewMs: said.atMs - now });
      this.#watchClock();
      this.#watchKeys();
      this.#repair.compare(said);
      this.#digests.heard(said.root);
    });
    this.#listen(ackSubject(fleet, everyMember, self), 'ack', (ack) => {
      if (ack.issuer !== self) return;
      this.#peers.heard(ack.node, this.#options.now(), {});
      this.#acks.note(ack);
    });
    bus.subscribe(batchesSubject(fleet, self), (message) => this.#repair.answer(message));
    if (trust.member(self)?.role === 'node')
      bus.subscribe(commandSubject(fleet, self), ({ bytes, reply }) => {
        this.#commands = this.#commands.then(() => this.#command(bytes, reply));
      });
    bus.onEvent((event) => {
      if (this.#isClosed) return;
      if (event === 'connected') void this.#introduce();
      if (event === 'gap') this.#repair.catchUp();
      setDegraded('fleet', bus.reason === null ? null : this.#awayWords());
    });
    setDegraded('fleet', this.#awayWords());
    bus.open();
    this.#every(beatMs, () => void this.#beat());
    this.#every(compactMs, () => this.#compact());
    this.#digests.start();
  }

  /** Durable first, then published and in force here. Throws as `DecisionLog.issue` does. */
  async issue(requests: readonly DecisionRequest[], waitMs: number): Promise<IssueAnswer> {
    const { log, bus, fleet, now, trust } = this.#options;
    const { batches, change } = log.issue(requests, now());
    const others = trust.members.filter(({ id, role }) => id !== this.#self && role === 'node');
    const isOther = new Set(others.map(({ id }) => id));
    const present = this.#peers.present(now()).filter(({ id }) => isOther.has(id)).length;
    const last = batches.at(-1)?.sequence ?? 0;
    // Listened for before it is said: an answer may be faster than our own workers.
    const acks = this.#acks.wait(last, others.length, waitMs);
    const isPublished = bus.state === 'connected';
    // It is on disk: the others need not wait for our workers, of which one may be slow.
    for (const { bytes } of batches) bus.publish(decisionsSubject(fleet, this.#self), bytes);
    const enforced = await this.#intake.enforce(change);
    const { members } = await acks;
    return {
      sequence: last,
      enforced: enforced ?? { ...this.#intake.last, workers: 0, kernel: false },
      acknowledged: members,
      others: others.length,
      present,
      isPublished,
    };
  }

  status() {
    const { fleet, bus, log, now, trust } = this.#options;
    const nowMs = now();
    const refused: Record<string, number> = Object.fromEntries([
      ...this.#intake.counts.refused,
      ...this.#refusedMessages,
    ]);
    const at = this.#repair.lastExchangeAtMs;
    return {
      name: fleet,
      nodeId: this.#self,
      state: bus.state,
      server: bus.server?.address ?? null,
      reason: bus.reason,
      members: trust.members.length,
      peers: this.#peers.present(nowMs).map(({ id, entries, inStep }) => ({ id, entries, inStep })),
      entries: log.entries,
      enforced: log.enforced.count,
      spared: log.enforced.spared.size,
      lastExchange: at === null ? null : new Date(at).toISOString(),
      waiting: bus.outboxEntries,
      dropped: bus.counts.outboxDrops + bus.counts.inboundDrops + this.#intake.counts.dropped,
      clockSkewMs: this.#peers.worstSkewMs(nowMs),
      refused,
    };
  }

  get counts() {
    return {
      bus: this.#options.bus.counts,
      intake: this.#intake.counts,
      repair: this.#repair.counts,
      refusedMessages: this.#refusedMessages as ReadonlyMap<string, number>,
      commandsTaken: this.#commandsTaken,
      present: this.#peers.present(this.#options.now()).length,
    };
  }

  /** Something may have been missed. */
  catchUp(): void {
    this.#repair.catchUp();
  }

  /** Says that the state has changed, ahead of the next beat. */
  announce(): Promise<void> {
    return this.#beat();
  }

  /**
   * Nothing is taken, said or written any more when it resolves; the stores may close then. `isEnd`: the node ends
   * as somebody meant it to, which is told, and so is no death.
   */
  async close(isEnd = false): Promise<void> {
    if (this.#isClosed) return;
    if (isEnd) this.#sayEnd();
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#digests.close();
    await this.#options.bus.close();
    await Promise.all([this.#repair.close(), this.#intake.close(), this.#commands]);
    this.#options.setDegraded('fleet', null);
  }

  #listen<K extends 'hello' | 'digest' | 'ack'>(
    pattern: string,
    kind: K,
    handle: (message: Extract<ReturnType<typeof parseMessage<K>>, { ok: true }>['message']) => void,
  ): void {
    this.#options.bus.subscribe(pattern, ({ subject, bytes }) => {
      const from = memberOf(subject);
      if (from === null || from === this.#self) return;
      if (this.#options.trust.member(from) === null) {
        this.#refuse('message-unknown-member');
        return;
      }
      const parsed = parseMessage(kind, bytes, from);
      if (parsed.ok) handle(parsed.message);
      else this.#refuse(`message-${parsed.reason}`);
    });
  }

  #refuse(reason: string): void {
    this.#refusedMessages.set(reason, (this.#refusedMessages.get(reason) ?? 0) + 1);
  }

  #acknowledge(issuer: string, sequence: number, { kernel, workers }: Enforced): void {
    const { bus, fleet } = this.#options;
    if (issuer === this.#self) return;
    const ack = {
      v: 1,
      node: this.#self,
      issuer,
      sequence,
      enforced: { kernel, workers },
    } as const;
    // Who issued it is told now or not at all: an old acknowledgement helps nobody.
    if (bus.state === 'connected')
      bus.publish(ackSubject(fleet, this.#self, issuer), encodeMessage('ack', ack));
  }

  async #introduce(): Promise<void> {
    this.#hello();
    this.#digests.connected();
    await this.#beat();
  }

  /** A control plane that has just come learns who is there now, and not with the next hello in a minute. */
  #greet(): void {
    this.#greeting ??= setTimeout(() => {
      this.#greeting = null;
      if (this.#isClosed) return;
      this.#hello();
      void this.#beat();
    }, randomInt(greetingMs)).unref();
  }

  #hello(): void {
    this.#say('hello', { v: 1, node: this.#self, ...this.#options.facts.hello() });
  }

  async #beat(): Promise<void> {
    const { facts, log, now, logger, bus } = this.#options;
    // One that is not heard now is worth nothing later.
    if (this.#isClosed || bus.state !== 'connected') return;
    if (this.#beats++ % helloBeats === 0) this.#hello();
    try {
      const { state, metrics, rules, degraded } = await facts.beat();
      this.#rules = rules;
      this.#say('beat', {
        v: 1,
        node: this.#self,
        atMs: now(),
        state,
        metrics: { ...metrics, fleetEntries: log.entries },
        digestRoot: log.digest().root,
        rules,
        degraded: degraded.slice(0, 32).map((text) => text.slice(0, 200)),
      });
    } catch (error) {
      logger.warn({ reason: describeError(error) }, 'no beat');
    }
  }

  #sayEnd(): void {
    const { log, now } = this.#options;
    this.#say('beat', {
      ...{ v: 1, node: this.#self, atMs: now(), state: 'ending', metrics: {} },
      digestRoot: log.digest().root,
      ...{ rules: this.#rules, degraded: [] },
    });
  }

  #digest(): void {
    const { log, now } = this.#options;
    const { root, buckets, count } = log.digest();
    this.#say('digest', { v: 1, node: this.#self, atMs: now(), entries: count, root, buckets });
  }

  #say<K extends MessageKind & ('hello' | 'beat' | 'digest')>(
    kind: K,
    message: Parameters<typeof encodeMessage<K>>[1],
  ): void {
    const { bus, fleet } = this.#options;
    if (bus.state === 'connected')
      bus.publish(nodeSubject(fleet, this.#self, kind), encodeMessage(kind, message));
  }

  async #command(bytes: Uint8Array, reply: string | null): Promise<void> {
    const { fleet, trust, now, state, obey, bus, logger } = this.#options;
    const accepted = acceptCommand(bytes, {
      fleet,
      node: this.#self,
      nowMs: now(),
      issuer: (id) => {
        const member = trust.member(id);
        return member === null
          ? null
          : { publicKey: member.key, mayCommand: member.may.has('command') };
      },
      lastSequence: (issuer) => state.lastCommand(issuer),
    });
    if (!accepted.ok) {
      this.#refuse(`command-${accepted.reason}`);
      logger.warn({ reason: accepted.reason }, 'fleet command refused');
      return;
    }
    const { command } = accepted;
    const { issuer, sequence, kind, origin } = command;
    let reason = '';
    try {
      await state.noteCommand(issuer, sequence);
      logger.info({ kind, issuer, sequence, origin }, 'fleet command');
      this.#commandsTaken++;
      // Who asked hears of it before the node is gone.
      if (kind === 'reload') await obey(command);
    } catch (error) {
      reason = describeError(error).slice(0, 200);
    }
    if (reply !== null)
      bus.respond(
        reply,
        encodeMessage('commandAnswer', {
          v: 1,
          node: this.#self,
          ...{ sequence, taken: reason === '', reason },
        }),
      );
    if (reason !== '' || kind === 'reload') return;
    await bus.flush();
    await obey(command).catch((error: unknown) =>
      logger.error({ kind, reason: describeError(error) }, 'fleet command failed'),
    );
    await this.#beat();
  }

  #compact(): void {
    const { log, now, bus, fleet, logger } = this.#options;
    try {
      log.compact();
      const again = log.reissue(now());
      for (const { bytes } of again?.batches ?? [])
        bus.publish(decisionsSubject(fleet, this.#self), bytes);
    } catch (error) {
      logger.error({ reason: describeError(error) }, 'decisions could not be compacted');
    }
  }

  #watchKeys(): void {
    const issuers = [...this.#options.log.doubled.keys()].join(', ');
    this.#options.setDegraded(
      'fleet keys',
      issuers === ''
        ? null
        : `${issuers} gave the same numbers out twice: it lost its disk within a minute of a decision, or somebody else has its key; then give it another one in the trust file`,
    );
  }

  #watchClock(): void {
    const skewMs = this.#peers.worstSkewMs(this.#options.now());
    const isOff = skewMs !== null && Math.abs(skewMs) > clockSkewWarnMs;
    this.#options.setDegraded(
      'fleet clock',
      isOff ? `a member's clock and ours are ${Math.round(skewMs / 1_000)} s apart` : null,
    );
  }

  #awayWords(): string {
    return `no bus (${this.#options.bus.reason}); what is known is enforced`;
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms).unref());
  }
}
