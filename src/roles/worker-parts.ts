/**
 * What a worker does beside serving requests, part by part: each looks at requests as they end, follows the live
 * configuration, and speaks with its other half in the supervisor's process (`node-parts.ts`). Adding one is a file,
 * a line here, and its lines in `part-messages.ts`.
 */
import type { Config } from '#config/schema.ts';
import type { RateGate } from '#proxy/rates/rate-gate.ts';
import type { RateStores } from '#proxy/rates/rate-stores.ts';
import type { CheckAnswer, CheckedRequest } from '#proxy/request-check.ts';
import type { RequestObserver, RequestRecord } from '#proxy/request-record.ts';
import type { Logger } from '#telemetry/log.ts';
import type { MetricRegistry } from '#telemetry/metrics.ts';
import type { Filter } from '#wasm/filter.ts';
import type { FromPart, ToPart } from './part-messages.ts';
import { WorkerBehaviour } from './worker-behaviour.ts';
import { WorkerCrowdsec } from './worker-crowdsec.ts';
import { WorkerEvents } from './worker-events.ts';
import { WorkerReplay } from './worker-replay.ts';

export interface WorkerPart {
  /** As its messages name it. */
  readonly name: FromPart['part'];
  /** The configuration that requests are served by from now on. */
  follow(config: Config): void;
  /** Left out: it looks at no requests. */
  onRequest?(record: RequestRecord): void;
  /** From its other half. */
  take?(message: ToPart): void;
  /** What it looks at requests with while they are under way. */
  filters?(config: Config): readonly Filter[];
  /** The worker drains: what is still held back is sent. */
  flush?(): void;
}

export type WorkerPartHost = {
  readonly slot: number;
  readonly log: Logger;
  readonly registry: MetricRegistry;
  /** A request that came another way, through the rules of its route. */
  readonly check: (request: CheckedRequest) => Promise<CheckAnswer>;
  readonly rates: RateGate;
  /** Buckets and values that the workers share. */
  readonly stores: RateStores;
  /** False where the supervisor is gone. */
  readonly send: (message: FromPart) => boolean;
};

export class WorkerParts {
  readonly #parts: readonly WorkerPart[];
  readonly observers: readonly RequestObserver[];

  constructor(host: WorkerPartHost) {
    this.#parts = [
      new WorkerEvents(host),
      new WorkerCrowdsec(host),
      new WorkerBehaviour(host),
      new WorkerReplay(host),
    ];
    this.observers = this.#parts.filter(looksAtRequests);
  }

  filters(config: Config): readonly Filter[] {
    return this.#parts.flatMap((part) => part.filters?.(config) ?? []);
  }

  follow(config: Config): void {
    for (const part of this.#parts) part.follow(config);
  }

  take(message: ToPart): void {
    const { part: name } = message as { part: string };
    this.#parts.find((part) => part.name === name)?.take?.(message);
  }

  flush(): void {
    for (const part of this.#parts) part.flush?.();
  }
}

const looksAtRequests = (part: WorkerPart): part is WorkerPart & RequestObserver =>
  part.onRequest !== undefined;
