/**
 * Keeps what modules count over the fleet in step with the other nodes.
 *
 * ```
 * workers ─► hub ─► FleetCounters ─► every syncMs what has changed ─► weir.F.c.NODE
 * weir.F.c.* ─► signature, window, merge by the larger number ─► what rose ─► hub ─► workers
 * ```
 *
 * How far a node can be behind: what the others have counted within `syncMs`, the 50 ms of their workers, and
 * while the message travels. A limit of N lets through at most N and what the other nodes let through in that
 * time. Messages are numbered; who misses one asks for all of that node's again, and one that has nothing to
 * say says its number each `idleMs`. Without a bus a node counts by itself: what it knows of the others ends
 * with their windows.
 *
 * A number that was signed by a member is believed: a stolen key can use limits up, and cannot open them.
 */
import type { KeyObject } from 'node:crypto';
import type { Trust } from '#decisions/trust.ts';
import type { Logger } from '#telemetry/log.ts';
import type { Bus } from './bus.ts';
import { asksMax, type CountHead, CountMessageWriter, parseCountMessage } from './count-message.ts';
import {
  type Cell,
  type Component,
  cellId,
  type FleetCounters,
  type Replica,
  windowRefusal,
} from './fleet-counters.ts';
import { countsSubject, everyMember, memberOf } from './subjects.ts';

/** Half a megabyte in one go; what is left goes with the next. */
export const messagesMax = 8;
/** All that was counted is not said again sooner, however many ask. */
const allMsMin = 1_000;
const sweepMs = 1_000;
const idleMs = 2_000;
/** A node that was not heard for so long is not counted with. */
const presentMs = 4 * idleMs;

export type CountedDelta = Cell & { readonly delta: number };

export type CounterSyncOptions = {
  readonly fleet: string;
  readonly self: string;
  readonly signingKey: KeyObject;
  readonly trust: Trust;
  readonly bus: Pick<Bus, 'state' | 'reason' | 'publish' | 'subscribe' | 'onEvent'>;
  readonly counters: FleetCounters;
  /** Ours, with an empty name. */
  readonly replica: Replica;
  readonly syncMs: number;
  /** What others have counted, for the workers. */
  readonly deliver: (deltas: readonly CountedDelta[]) => void;
  readonly setDegraded: (part: string, reason: string | null) => void;
  readonly logger: Logger;
  readonly now: () => number;
};

export type CounterStatus = {
  /** Something was counted over the fleet, here or elsewhere. */
  readonly used: boolean;
  /** False: each node counts by itself. */
  readonly shared: boolean;
  readonly cells: number;
  /** Numbers that the others have not been told. */
  readonly waiting: number;
  /** Other nodes whose counts came lately. */
  readonly nodes: number;
};

type Heard = { epoch: number; sequence: number; atMs: number };

export class CounterSync {
  readonly counts = {
    sent: 0,
    received: 0,
    /** Messages that were never heard; they were asked for. */
    missed: 0,
    /** Cells for which there was no room in a message, once for each time. */
    deferred: 0,
    refused: new Map<string, number>(),
  };
  readonly #options: CounterSyncOptions;
  readonly #writer = new CountMessageWriter();
  readonly #heard = new Map<string, Heard>();
  /** What has changed since it was said; and what a node that began anew has to be told of itself. */
  readonly #dirty = new Map<string, Component>();
  readonly #asks = new Set<string>();
  #wantsAll = false;
  #sequence = 0;
  #saidAtMs = 0;
  #saidAllAtMs = Number.NEGATIVE_INFINITY;
  #sweptAtMs = 0;
  #isAllWanted = false;
  /** Something was counted here, or heard of. */
  #isUsed = false;
  #isAlone = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: CounterSyncOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, fleet, syncMs } = this.#options;
    bus.subscribe(countsSubject(fleet, everyMember), ({ subject, bytes }) => {
      const from = memberOf(subject);
      if (from !== null && from !== this.#options.self) this.#take(from, bytes);
    });
    bus.onEvent((event) => {
      if (event === 'connected' || event === 'gap') this.#wantsAll = true;
      this.#watchBus();
    });
    if (this.#options.counters.cells > 0) this.#use();
    this.#timer = setInterval(() => this.#tick(), syncMs);
    this.#timer.unref();
  }

  /** What modules of this node have counted. */
  counted(deltas: readonly CountedDelta[]): void {
    const { counters, replica } = this.#options;
    for (const { delta, ...cell } of deltas) {
      if (counters.add(cell, replica, delta)) this.#isDirty({ ...cell, ...replica });
      else this.#refuse('full');
    }
    if (deltas.length > 0) this.#use();
  }

  get status(): CounterStatus {
    const { now, counters, bus } = this.#options;
    const nowMs = now();
    const present = [...this.#heard.values()].filter(({ atMs }) => nowMs - atMs < presentMs);
    return {
      used: this.#isUsed,
      shared: bus.state === 'connected',
      cells: counters.cells,
      waiting: this.#dirty.size,
      nodes: present.length,
    };
  }

  /** Nobody hears what comes after. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#options.bus.state === 'connected') this.#say();
    this.#options.setDegraded('fleet counters', null);
  }

  #tick(): void {
    const { bus, counters, now } = this.#options;
    const nowMs = now();
    if (nowMs - this.#sweptAtMs >= sweepMs) {
      this.#sweptAtMs = nowMs;
      counters.expire(nowMs);
    }
    if (bus.state !== 'connected') return;
    if (this.#isAllWanted && nowMs - this.#saidAllAtMs >= allMsMin) {
      this.#isAllWanted = false;
      this.#saidAllAtMs = nowMs;
      for (const component of counters.all()) if (component.node === '') this.#isDirty(component);
    }
    const isIdle = this.#dirty.size === 0 && this.#asks.size === 0 && !this.#wantsAll;
    if (!isIdle || (this.#sequence > 0 && nowMs - this.#saidAtMs >= idleMs)) this.#say();
  }

  #say(): void {
    const { bus, fleet, self, signingKey, replica, counters, now } = this.#options;
    const nowMs = now();
    let left = [...this.#dirty.values()]
      .filter((component) => windowRefusal(component, nowMs) !== 'past')
      .map((component) => {
        const { node, epoch: at } = component;
        // What the process before this one counted is no number of this epoch.
        const name = node === '' && at !== replica.epoch ? self : node;
        return { ...component, node: name, count: counters.countOf(component, component) };
      })
      .toSorted(byGroup);
    this.#dirty.clear();
    for (
      let messages = 0;
      messages === 0 || (left.length > 0 && messages < messagesMax);
      messages++
    ) {
      const head: CountHead = {
        ...{ fleet, node: self, epoch: replica.epoch, sequence: ++this.#sequence },
        wantsAll: this.#wantsAll,
        asks: [...this.#asks].slice(0, asksMax),
      };
      this.#wantsAll = false;
      for (const name of head.asks) this.#asks.delete(name);
      const [bytes, taken] = this.#writer.write(head, left, signingKey);
      bus.publish(countsSubject(fleet, self), bytes);
      this.counts.sent++;
      left = left.slice(taken);
    }
    for (const component of left)
      this.#isDirty(component.node === self ? { ...component, node: '' } : component);
    this.counts.deferred += left.length;
    this.#saidAtMs = nowMs;
  }

  #take(from: string, bytes: Uint8Array): void {
    const { trust, fleet, now, logger } = this.#options;
    const member = trust.member(from);
    if (member === null || member.role !== 'node') {
      this.#refuse('unknown-member');
      return;
    }
    const parsed = parseCountMessage(bytes, { fleet, from, key: member.key });
    if (!parsed.ok) {
      logger.debug({ from, reason: parsed.reason }, 'counts refused');
      this.#refuse(parsed.reason);
      return;
    }
    const { message } = parsed;
    this.counts.received++;
    if (message.components.length > 0) this.#use();
    this.#follow(from, message, now());
    const rose: CountedDelta[] = [];
    for (const component of message.components) this.#merge(component, message, rose);
    if (rose.length > 0) this.#options.deliver(rose);
  }

  /** Whether something before this message is missing, and what its sender is missing. */
  #follow(from: string, { epoch, sequence, wantsAll, asks }: CountHead, nowMs: number): void {
    const known = this.#heard.get(from);
    const isNew = known === undefined || known.epoch !== epoch;
    const before = isNew ? 0 : known.sequence;
    if (sequence > before + 1) {
      this.counts.missed += isNew ? 0 : sequence - before - 1;
      this.#asks.add(from);
    }
    this.#heard.set(from, { epoch, sequence: Math.max(before, sequence), atMs: nowMs });
    if (wantsAll || asks.includes(this.#options.self)) this.#isAllWanted = true;
    // It has forgotten what it counted before.
    if (wantsAll)
      for (const component of this.#options.counters.all())
        if (component.node === from && component.epoch !== epoch) this.#isDirty(component);
  }

  #merge(component: Component, { node, epoch }: CountHead, rose: CountedDelta[]): void {
    const { counters, self, replica, now } = this.#options;
    const isSenders = component.node === '';
    // Of a process that runs it alone says what it has counted.
    if (isSenders && component.epoch !== epoch) {
      this.#refuse('malformed');
      return;
    }
    // What another tells of a third that began anew is for that one's ears.
    if (!isSenders && component.node !== node && component.node !== self) return;
    const isOurs = component.node === self;
    if (isOurs && component.epoch === replica.epoch) return;
    const merged = counters.merge({ ...component, node: isOurs ? '' : node }, now());
    if (!merged.ok) {
      this.#refuse(merged.reason);
      return;
    }
    if (merged.rose === 0) return;
    const { module, key, windowMs, index } = component;
    rose.push({ module, key, windowMs, index, delta: merged.rose });
  }

  #use(): void {
    if (this.#isUsed) return;
    this.#isUsed = true;
    this.#watchBus();
  }

  #isDirty(component: Omit<Component, 'count'>): void {
    const id = `${component.node}/${component.epoch}/${cellId(component)}`;
    if (!this.#dirty.has(id)) this.#dirty.set(id, { ...component, count: 0 });
  }

  #refuse(reason: string): void {
    this.counts.refused.set(reason, (this.counts.refused.get(reason) ?? 0) + 1);
  }

  /** Said once for each time it begins, and only where something is counted over the fleet. */
  #watchBus(): void {
    const { bus, setDegraded, logger } = this.#options;
    const isAlone = this.#isUsed && bus.state !== 'connected';
    if (isAlone === this.#isAlone) return;
    this.#isAlone = isAlone;
    const words = 'no bus: what modules count over the fleet is what this node alone counts';
    if (isAlone) logger.error({ reason: bus.reason }, words);
    else logger.info('what modules count over the fleet is shared again');
    setDegraded('fleet counters', isAlone ? words : null);
  }
}

function byGroup(a: Component, b: Component): number {
  if (a.node !== b.node) return a.node < b.node ? -1 : 1;
  if (a.module !== b.module) return a.module < b.module ? -1 : 1;
  return a.epoch - b.epoch || a.windowMs - b.windowMs || a.index - b.index;
}
