/** One worker process as the supervisor holds it: messages out, replies matched by id, its last counters. */
import { type ChildProcess, fork } from 'node:child_process';
import { monotonicMs } from '#core/clock.ts';
import { WeirError } from '#core/errors.ts';
import type { BlockHit } from '#proxy/block-hits.ts';
import type { Handshakes } from '#proxy/listener/handshake-log.ts';
import type { ServerChange } from '#proxy/upstream/upstream-registry.ts';
import type { MetricSamples } from '#telemetry/metrics.ts';
import type { BlockOrder } from '#wasm/services/block-requests.ts';
import type { SharedBatch } from '#wasm/services/shared-batch.ts';
import type { FromWorker, ToWorker } from './ipc.ts';
import { ModuleFailed } from './module-failed.ts';
import type { ModuleFailure } from './module-trial.ts';
import type { FromPart } from './part-messages.ts';

/** A worker that has not replied by then is stuck. */
const replyMs = 10_000;
/** What it has counted is not waited for that long: status and metrics have something to say without it. */
const samplesMs = 2_000;
/** Requests under way to one worker; beyond it something is badly wrong. */
const pendingMax = 10_000;

/**
 * MB of each half of V8's young generation. Buffers die young, but only a collection says so: with the
 * 16 MB that are usual so much memory of dead buffers gathers in between that V8 takes it for a leak and
 * collects the old generation, several times a second under load (`docs/decisions/buffers.md`).
 */
const youngGeneration = '--max-semi-space-size=2';

/** The first descriptor a forked process inherits beside its standard ones and the channel. */
export const inheritedFrom = 4;

/** What a worker says beside that it has done it. */
export type Reply = MetricSamples | readonly Handshakes[] | null;

type Asking = Extract<ToWorker, { readonly id: number }>;
export type Question = Asking extends infer M ? (M extends Asking ? Omit<M, 'id'> : never) : never;

export type WorkerEvents = {
  onListening(addresses: readonly string[]): void;
  onFailed(reason: string): void;
  onDegraded(part: string, reason: string | null): void;
  onServerChange(change: ServerChange): void;
  onBlock(order: BlockOrder): void;
  onBlockHits(hits: readonly BlockHit[]): void;
  onModuleFailure(failure: ModuleFailure): void;
  onShared(batch: SharedBatch): void;
  onPart(message: FromPart): void;
  onDrained(): void;
  onExit(code: number | null, signal: NodeJS.Signals | null): void;
};

export class WorkerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #pending = new Map<
    number,
    {
      done: (error: WeirError | null, reply: Reply) => void;
      timer: NodeJS.Timeout;
    }
  >();
  #nextId = 1;
  samples: MetricSamples = new Map();
  /** The last question for them was not answered, so they are older than the rest. */
  isSilent = false;
  /** When it last said anything; until it has, when it was started. */
  heardAt = monotonicMs();

  /** `descriptors` become 4, 5, … in the worker (`inheritedFrom`). */
  constructor(entry: string, descriptors: readonly number[], events: WorkerEvents) {
    this.#child = fork(entry, ['worker'], {
      execArgv: [...process.execArgv, youngGeneration],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...descriptors],
    });
    this.pid = this.#child.pid ?? -1;
    this.#child.on('message', (message) => this.#onMessage(message as FromWorker, events));
    this.#child.on('error', (error) => events.onFailed(error.message));
    this.#child.on('exit', (code, signal) => {
      for (const { done } of [...this.#pending.values()]) done(gone(this.pid), null);
      events.onExit(code, signal);
    });
  }

  /** `done` when it is on its way, or never will be. */
  send(message: ToWorker, done: () => void = () => {}): void {
    if (this.#child.connected) this.#child.send(message, done);
    else done();
  }

  /** Resolves with the worker's reply; its refusal, its death and its silence are errors. */
  ask(question: Question): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (!this.#child.connected || this.#pending.size >= pendingMax) {
        reject(gone(this.pid));
        return;
      }
      const id = this.#nextId++;
      const waitMs = question.kind === 'metrics' ? samplesMs : replyMs;
      const done = (error: WeirError | null, reply: Reply) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        if (error === null) resolve(reply);
        else reject(error);
      };
      const timer = setTimeout(() => {
        this.isSilent ||= question.kind === 'metrics';
        done(silent(this.pid, waitMs), null);
      }, waitMs);
      this.#pending.set(id, { done, timer });
      this.send({ ...question, id } as ToWorker);
    });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #onMessage(message: FromWorker, events: WorkerEvents): void {
    this.heardAt = monotonicMs();
    switch (message.kind) {
      case 'listening':
        events.onListening(message.addresses);
        break;
      case 'failed':
        events.onFailed(message.reason);
        break;
      case 'degraded':
        events.onDegraded(message.part, message.reason);
        break;
      case 'server':
        events.onServerChange(message.change);
        break;
      case 'shared':
        events.onShared(message.batch);
        break;
      case 'part':
        events.onPart(message.message);
        break;
      case 'block':
        events.onBlock(message.order);
        break;
      case 'block-hits':
        events.onBlockHits(message.hits);
        break;
      case 'module-failure':
        events.onModuleFailure(message.failure);
        break;
      case 'drained':
        events.onDrained();
        break;
      case 'metrics':
        this.samples = message.samples;
        this.isSilent = false;
        if (message.id !== null) this.#pending.get(message.id)?.done(null, message.samples);
        break;
      case 'handshakes':
        this.#pending.get(message.id)?.done(null, message.handshakes);
        break;
      case 'reply':
        this.#pending.get(message.id)?.done(refusalOf(message), null);
        break;
    }
  }
}

function refusalOf({ error, failed }: Extract<FromWorker, { kind: 'reply' }>): WeirError | null {
  if (error === null) return null;
  return failed === undefined
    ? new WeirError('WORKER_FAILED', error)
    : new ModuleFailed('MODULE_INVALID', error, failed);
}

const silent = (pid: number, waitMs: number): WeirError =>
  new WeirError('WORKER_TIMEOUT', `worker ${pid} did not reply in ${waitMs / 1_000} s`);
const gone = (pid: number): WeirError => new WeirError('WORKER_FAILED', `worker ${pid} has ended`);
