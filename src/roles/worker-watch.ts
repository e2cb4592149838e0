/**
 * Finds the worker that does not come back to its event loop, and ends it, so that it is replaced.
 *
 * A worker says something once a second. Silence alone proves nothing: on a busy machine a healthy worker may wait
 * long for a processor. So what counts is what the kernel says of its main thread since its last word:
 *
 * ```
 * every second: heard since? ─yes─► 0
 *                  no ─► + the processor time it used          it works on, and does not come back
 *                        + the second, where it sleeps or is stopped     it waits for nothing that comes
 *                        + 0, where it waits for a processor or a disk, or a debugger holds it
 *                  ≥ edge.timeouts.workerHangMs, and at the next look still ─► SIGKILL ─► its slot is filled anew
 * ```
 *
 * A loop that never ends hears no other signal, and what its clients had under way is lost either way. The sockets
 * it listened on are the supervisor's: who connects meanwhile waits there. A worker that starts has four times as
 * long, and only its work counts, as starting may wait for files.
 *
 * Should workers hang again and again, the cause is not cured by ending them: each one in ten minutes doubles the
 * time until the next, up to a minute, and status says how many there were.
 */
import { monotonicMs } from '#core/clock.ts';
import type { Logger } from '#telemetry/log.ts';
import { readThreadState, type ThreadState } from './thread-state.ts';
import type { Slot } from './worker-slot.ts';

export const lookMs = 1_000;
/** Workers push their counters each second: less silence than this is none. */
const silentMs = 3_000;
const startingFactor = 4;
const stormMs = 600_000;
const spacingStartMs = 1_000;
const spacingMaxMs = 60_000;

type Watched = { heardAt: number; cpuMs: number; hungMs: number };

/** Those of a slot that are looked at. */
export type WatchedSlot = Pick<Slot, 'index' | 'state'> & {
  readonly worker: { readonly pid: number; readonly heardAt: number; kill(): void } | null;
  hangs: number;
};

export type WorkerWatchOptions = {
  readonly slots: readonly WatchedSlot[];
  readonly hangMs: () => number;
  readonly log: Logger;
  readonly setDegraded: (part: string, reason: string | null) => void;
  readonly onHang: (reason: string) => void;
  readonly now?: () => number;
  readonly threadOf?: (pid: number) => ThreadState | null;
};

export class WorkerWatch {
  readonly #options: WorkerWatchOptions;
  readonly #now: () => number;
  readonly #threadOf: (pid: number) => ThreadState | null;
  readonly #watched = new Map<number, Watched>();
  /** When workers were ended, of the last ten minutes. */
  #endedAt: number[] = [];
  #lookedAt: number;
  hangsTotal = 0;

  constructor(options: WorkerWatchOptions) {
    this.#options = options;
    this.#now = options.now ?? monotonicMs;
    this.#threadOf = options.threadOf ?? readThreadState;
    this.#lookedAt = this.#now();
  }

  start(): void {
    setInterval(() => this.look(), lookMs).unref();
  }

  look(): void {
    const now = this.#now();
    // What this process was kept from seeing says nothing of the workers.
    const sinceMs = Math.min(now - this.#lookedAt, 2 * lookMs);
    this.#lookedAt = now;
    this.#forget(now);
    for (const slot of this.#options.slots) {
      const { worker, state } = slot;
      if (worker === null || (state !== 'ready' && state !== 'starting'))
        this.#watched.delete(slot.index);
      else this.#lookAt(slot, worker, now, sinceMs);
    }
  }

  #lookAt(
    slot: WatchedSlot,
    worker: NonNullable<WatchedSlot['worker']>,
    now: number,
    sinceMs: number,
  ): void {
    const before = this.#watched.get(slot.index);
    if (now - worker.heardAt < silentMs) {
      this.#watched.delete(slot.index);
      return;
    }
    const thread = this.#threadOf(worker.pid);
    if (thread === null) return;
    if (before === undefined || before.heardAt !== worker.heardAt) {
      this.#watched.set(slot.index, { heardAt: worker.heardAt, cpuMs: thread.cpuMs, hungMs: 0 });
      return;
    }
    const isStarting = slot.state === 'starting';
    const boundMs = this.#options.hangMs() * (isStarting ? startingFactor : 1);
    // Asked before this look counts: what the worker sent until the last one has been read since.
    if (before.hungMs >= boundMs) this.#end(slot, worker, before, thread, now);
    const waits = !isStarting && (thread.state === 'S' || thread.state === 'T') ? sinceMs : 0;
    before.hungMs += Math.max(waits, thread.cpuMs - before.cpuMs);
    before.cpuMs = thread.cpuMs;
  }

  #end(
    slot: WatchedSlot,
    worker: NonNullable<WatchedSlot['worker']>,
    { hungMs, heardAt }: Watched,
    { state }: ThreadState,
    now: number,
  ): void {
    const { log, setDegraded, onHang } = this.#options;
    const seconds = Math.round(hungMs / 1_000);
    const what = `process ${worker.pid} has not come back to its event loop for ${seconds} s that it could have run`;
    const last = this.#endedAt.at(-1);
    if (last !== undefined && now < last + spacingMs(this.#endedAt.length)) {
      setDegraded(
        partOf(slot),
        `${what}; ${this.#endedAt.length} workers were replaced for this in the last ten minutes, so it waits its turn`,
      );
      return;
    }
    this.#endedAt.push(now);
    this.#watched.delete(slot.index);
    this.hangsTotal++;
    slot.hangs++;
    log.error(
      {
        worker: worker.pid,
        slot: slot.index,
        hungMs,
        silentMs: Math.round(now - heardAt),
        threadState: state,
      },
      'worker hangs and is replaced',
    );
    setDegraded(
      partOf(slot),
      `${what} and was replaced; ${slot.hangs} in this slot since the node started`,
    );
    onHang(`worker ${slot.index}: ${what}`);
    worker.kill();
  }

  /** What is longer ago than ten minutes is no longer said. */
  #forget(now: number): void {
    if (this.#endedAt.length === 0) return;
    this.#endedAt = this.#endedAt.filter((at) => now - at < stormMs);
    if (this.#endedAt.length > 0) return;
    for (const slot of this.#options.slots) this.#options.setDegraded(partOf(slot), null);
  }
}

const partOf = ({ index }: WatchedSlot): string => `hang of worker ${index}`;

const spacingMs = (recent: number): number =>
  Math.min(spacingMaxMs, spacingStartMs * 2 ** (recent - 1));
