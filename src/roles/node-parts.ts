/**
 * What a node does beside keeping its workers running, part by part: the other halves of `worker-parts.ts`. A part
 * that keeps something on disk opens it in `start` and closes it in `close`: with an upgrade another process opens it
 * next, and where that fails this one again. Adding one is a file and a line here.
 */
import type { PartControls } from '#admin/part-controls.ts';
import type { PartStatus } from '#admin/part-status.ts';
import type { Config } from '#config/schema.ts';
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { sumEvent } from '#events/make-event.ts';
import type { Logger } from '#telemetry/log.ts';
import type { MetricRegistry } from '#telemetry/metrics.ts';
import type { EdgeNode } from './edge-node.ts';
import { NodeBehaviour } from './node-behaviour.ts';
import { NodeCrowdsec } from './node-crowdsec.ts';
import { NodeEvents } from './node-events.ts';
import { NodeExclusions } from './node-exclusions.ts';
import { NodeFeeds } from './node-feeds.ts';
import { NodeInspection } from './node-inspection.ts';
import { NodeReplay } from './node-replay.ts';
import type { FromPart, ToPart } from './part-messages.ts';
import type { Supervisor } from './supervisor.ts';

export interface NodePart {
  /** As its messages name it. */
  readonly name: FromPart['part'] | 'feeds' | 'exclusions';
  start(config: Config): void | Promise<void>;
  /** The node stands: its blocks and rules can be changed. */
  ready?(): void | Promise<void>;
  /** The configuration that is live from now on. */
  follow(config: Config): void | Promise<void>;
  /** From its other half in the worker of this slot. */
  take?(message: FromPart, slot: number): void;
  /** A worker has started: what it has to know comes behind its start. */
  join?(slot: number): void;
  leave?(slot: number): void;
  close(): void | Promise<void>;
}

export type NodePartHost = {
  readonly statePath: string;
  readonly log: Logger;
  readonly registry: MetricRegistry;
  readonly supervisor: () => Supervisor;
  /** Null while the node is being put together. */
  readonly node: () => EdgeNode | null;
  readonly setDegraded: (part: string, reason: string | null) => void;
  /** To the other half in one worker, or in every one. */
  readonly send: (message: ToPart, slot?: number) => void;
};

/** Messages that came before the parts were started. */
const waitingMax = 10_000;

export class NodeParts {
  readonly #events: NodeEvents;
  readonly #exclusions: NodeExclusions;
  readonly #feeds: NodeFeeds;
  readonly #crowdsec: NodeCrowdsec;
  readonly #behaviour: NodeBehaviour;
  readonly #replay: NodeReplay;
  readonly #inspection: NodeInspection;
  readonly #parts: readonly NodePart[];
  readonly #host: Omit<NodePartHost, 'send'>;
  readonly #workers = new Map<number, (message: ToPart) => void>();
  /** Messages that found no room while the node was started. */
  #lost = 0;
  #waiting: { readonly message: FromPart; readonly slot: number }[] | null = [];

  constructor(host: Omit<NodePartHost, 'send'>) {
    this.#host = host;
    const send: NodePartHost['send'] = (message, slot) => {
      if (slot === undefined) for (const post of this.#workers.values()) post(message);
      else this.#workers.get(slot)?.(message);
    };
    this.#events = new NodeEvents({ ...host, send });
    this.#feeds = new NodeFeeds({ ...host, send });
    this.#crowdsec = new NodeCrowdsec({ ...host, send });
    this.#behaviour = new NodeBehaviour({ ...host, send });
    this.#replay = new NodeReplay({ ...host, send });
    this.#inspection = new NodeInspection(host.supervisor);
    this.#exclusions = new NodeExclusions({ ...host, send }, this.#events);
    this.#parts = [
      ...[this.#events, this.#exclusions, this.#feeds, this.#crowdsec, this.#behaviour],
      this.#replay,
    ];
  }

  get controls(): PartControls {
    return {
      events: this.#events,
      exclusions: this.#exclusions,
      feeds: this.#feeds,
      inspection: this.#inspection,
      replay: this.#replay,
    };
  }

  status(): PartStatus {
    return {
      events: this.#events.status(),
      feeds: this.#feeds.status(),
      crowdsec: this.#crowdsec.status(),
      behaviour: this.#behaviour.status(),
      replay: this.#replay.status(),
    };
  }

  /** Throws what a part cannot do without. */
  async start(config: Config): Promise<void> {
    for (const part of this.#parts) await part.start(config);
    this.#takeWaiting();
  }

  /** After an upgrade that did not get there: the node serves on, with what can be had again. */
  async restart(config: Config): Promise<void> {
    for (const part of this.#parts) {
      try {
        await part.start(config);
      } catch (error) {
        this.#host.setDegraded(part.name, `not opened again: ${describeError(error)}`);
      }
    }
    this.#takeWaiting();
  }

  #takeWaiting(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const { message, slot } of waiting) this.receive(slot, message);
  }

  async ready(): Promise<void> {
    for (const part of this.#parts) await part.ready?.();
  }

  async follow(config: Config): Promise<void> {
    for (const part of this.#parts) await part.follow(config);
  }

  /** What the node has to say of itself, among its events. */
  noteEvent(kind: string, reason: string): void {
    this.#events.note([sumEvent(kind, wallMs(), reason, 1)]);
  }

  receive(slot: number, message: FromPart): void {
    if (this.#waiting === null)
      this.#parts.find(({ name }) => name === message.part)?.take?.(message, slot);
    else if (this.#waiting.length < waitingMax) this.#waiting.push({ message, slot });
    else if (this.#lost++ === 0)
      this.#host.log.warn({ waitingMax }, 'messages of workers lost while the node starts');
  }

  join(slot: number, post: (message: ToPart) => void): void {
    this.#workers.set(slot, post);
    for (const part of this.#parts) part.join?.(slot);
  }

  leave(slot: number): void {
    this.#workers.delete(slot);
    for (const part of this.#parts) part.leave?.(slot);
  }

  async close(): Promise<void> {
    this.#waiting = [];
    for (const part of this.#parts) await part.close();
  }
}
