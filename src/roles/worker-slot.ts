/** A place for a worker process: who fills it, how often it had to be filled anew, and how soon it is. */
import type { WorkerProcess } from './worker-process.ts';

const backoffStartMs = 50;
const backoffMaxMs = 5_000;
/** A worker that has run this long is taken to be well again. */
export const healthyMs = 10_000;

export type SlotState = 'starting' | 'ready' | 'draining' | 'backoff';

export type Slot = {
  readonly index: number;
  worker: WorkerProcess | null;
  state: SlotState;
  restarts: number;
  /** Of these, workers that were ended because they hung. */
  hangs: number;
  startedAt: number;
  backoffMs: number;
  generation: number | null;
  timer: NodeJS.Timeout | null;
};

export const emptySlot = (index: number): Slot => ({
  ...{ index, worker: null, state: 'starting', restarts: 0, hangs: 0 },
  ...{ startedAt: 0, backoffMs: 0, generation: null, timer: null },
});

/** Its worker has ended: how long to wait before the next. */
export function backOff(slot: Slot): number {
  const healthy = slot.state === 'ready' && performance.now() - slot.startedAt > healthyMs;
  slot.backoffMs = healthy
    ? 0
    : Math.min(backoffMaxMs, Math.max(backoffStartMs, slot.backoffMs * 2));
  return slot.backoffMs;
}

/** Several workers may be overloaded, and each recovers by itself. */
export const overloadOf = (slot: Slot): string => `overload of worker ${slot.index}`;

/** What is known of the worker in its own words may be old; null where it answers. */
export const silenceOf = ({ index, worker }: Slot): [part: string, reason: string | null] => [
  `answers of worker ${index}`,
  worker?.isSilent
    ? `process ${worker.pid} does not answer; its counters are those of before`
    : null,
];

export type SlotStatus = {
  readonly slot: number;
  readonly pid: number | null;
  readonly state: SlotState;
  readonly restarts: number;
  readonly hangs: number;
  readonly generation: number | null;
  readonly openConnections: number | null;
};

export const slotStatus = ({
  index,
  worker,
  state,
  restarts,
  hangs,
  generation,
}: Slot): SlotStatus => ({
  slot: index,
  pid: worker?.pid ?? null,
  state,
  restarts,
  hangs,
  generation,
  openConnections: worker?.samples.get('weir_connections_open') ?? null,
});
