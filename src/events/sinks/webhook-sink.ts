/**
 * Events to an HTTP receiver, a batch a request, signed (`webhook-signature.ts`):
 *
 * ```
 * POST url    Weir-Signature: t=…,v1=…
 * { "v": 1, "events": [ … ] }
 * ```
 *
 * At least once: an answer other than 2xx is tried again with the same events, and `event.id` tells which they are. Redirects
 * are not followed. Where the configuration does not allow it, an address that is not public is never connected to,
 * whatever name leads there.
 */
import { lookup } from 'node:dns';
import { Agent } from 'undici';
import { wallMs } from '#core/clock.ts';
import { publicLookup } from '#core/public-lookup.ts';
import { webhookSignature } from '#core/webhook-signature.ts';
import type { EcsEvent } from '../ecs-event.ts';
import type { SinkTransport } from './sink-queue.ts';

export type WebhookSinkOptions = {
  readonly url: string;
  readonly secret: string;
  readonly allowInternal: boolean;
  readonly timeoutMs: number;
  readonly attemptsMax: number;
};

export class WebhookSink implements SinkTransport {
  readonly kind = 'webhook';
  readonly batchMax = 100;
  readonly attemptsMax: number;
  readonly name: string;
  readonly #options: WebhookSinkOptions;
  readonly #url: URL;
  readonly #agent: Agent;

  constructor(options: WebhookSinkOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
    this.attemptsMax = options.attemptsMax;
    // Path and query may hold a key of the receiver.
    this.name = `webhook ${this.#url.origin}`;
    this.#agent = new Agent({
      connections: 1,
      maxHeaderSize: 16_384,
      connect: {
        timeout: options.timeoutMs,
        ...(options.allowInternal ? {} : { lookup: publicLookup(lookup) }),
      },
    });
  }

  async deliver(events: readonly EcsEvent[], ending: AbortSignal): Promise<void> {
    const body = JSON.stringify({ v: 1, events });
    const { secret, timeoutMs } = this.#options;
    const { statusCode, body: answer } = await this.#agent.request({
      origin: this.#url.origin,
      path: this.#url.pathname + this.#url.search,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'weir',
        'weir-signature': webhookSignature(secret, Math.floor(wallMs() / 1_000), body),
      },
      body,
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ending]),
    });
    // What it says is not read; a connection with something left on it is not used again.
    answer.on('error', () => {});
    answer.destroy();
    if (statusCode < 200 || statusCode >= 300) throw new Error(`answered with ${statusCode}`);
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
