/** AppSec checks in this worker: a bouncer's question goes through the live rules, as a client's request does. */
import { describeError } from '#core/errors.ts';
import type { ToPart } from './part-messages.ts';
import type { WorkerPart, WorkerPartHost } from './worker-parts.ts';

export class WorkerCrowdsec implements WorkerPart {
  readonly name = 'crowdsec';
  readonly #host: WorkerPartHost;

  constructor(host: WorkerPartHost) {
    this.#host = host;
  }

  follow(): void {}

  take({ id, request }: Extract<ToPart, { part: 'crowdsec' }>): void {
    void this.#check(id, request);
  }

  async #check(
    id: number,
    request: Extract<ToPart, { part: 'crowdsec' }>['request'],
  ): Promise<void> {
    const { check, send, log } = this.#host;
    try {
      send({ part: 'crowdsec', id, answer: await check(request) });
    } catch (error) {
      log.error({ reason: describeError(error) }, 'AppSec check failed');
      send({ part: 'crowdsec', id, answer: null });
    }
  }
}
