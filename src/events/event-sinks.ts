/** The places events are sent to, as the live configuration names them. One that stays as it was keeps its line. */
import type { EventTarget } from '#config/events-schema.ts';
import { describeError } from '#core/errors.ts';
import type { EcsEvent } from './ecs-event.ts';
import { openSink } from './sinks/open-sink.ts';
import { SinkQueue, type SinkStatus } from './sinks/sink-queue.ts';

type Open = { readonly queue: SinkQueue; readonly kinds: ReadonlySet<string> };

export class EventSinks {
  readonly #setDegraded: (part: string, reason: string | null) => void;
  #open = new Map<string, Open>();
  #degraded = new Set<string>();

  constructor(setDegraded: (part: string, reason: string | null) => void) {
    this.#setDegraded = setDegraded;
  }

  follow(targets: readonly EventTarget[]): void {
    const before = this.#open;
    const next = new Map<string, Open>();
    for (const target of targets) {
      const key = JSON.stringify(target);
      const open = before.get(key) ?? this.#openOne(target);
      if (open !== null) next.set(key, open);
    }
    this.#open = next;
    for (const [key, { queue }] of before)
      if (!next.has(key)) {
        this.#say(queue.status.name, null);
        void queue.close();
      }
  }

  offer(events: readonly EcsEvent[]): void {
    for (const { queue, kinds } of this.#open.values())
      queue.offer(
        kinds.size === 0 ? events : events.filter(({ event }) => kinds.has(event.action)),
      );
  }

  get status(): SinkStatus[] {
    return [...this.#open.values()].map(({ queue }) => queue.status);
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open = new Map();
    await Promise.all(open.map(({ queue }) => queue.close()));
    for (const part of [...this.#degraded]) this.#setDegraded(part, null);
  }

  #openOne(target: EventTarget): Open | null {
    const named = target.file ?? target.syslog ?? target.webhook ?? '';
    try {
      const transport = openSink(target);
      this.#say(named, null);
      const queue = new SinkQueue(transport, (problem) => this.#say(transport.name, problem));
      return { queue, kinds: new Set(target.kinds) };
    } catch (error) {
      this.#say(named, describeError(error));
      return null;
    }
  }

  #say(name: string, problem: string | null): void {
    const part = `events to ${name}`;
    if (problem === null) this.#degraded.delete(part);
    else this.#degraded.add(part);
    this.#setDegraded(part, problem);
  }
}
