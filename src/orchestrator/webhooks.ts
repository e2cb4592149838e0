/**
 * Tells whoever restarts machines that a node died: the self-healing webhook.
 *
 * ```
 * POST url    Weir-Signature: t=UNIX_SECONDS,v1=HEX      v1 = HMAC-SHA256(secret, "t.body")
 * { "v": 1, "event": "node.dead", "id", "fleet", "node", "at", "lastBeatAt", "region", "tags", "version" }
 * ```
 *
 * At least once: the id is the same for one death, whichever orchestrator tells it. A 2xx ends it; anything else
 * is tried again, later each time, within a bound. Redirects are not followed. Where the configuration does not
 * allow it, an address that is not public is never connected to, whatever name leads there.
 */
import { lookup } from 'node:dns';
import { setTimeout as wait } from 'node:timers/promises';
import { Agent } from 'undici';
import type { WebhookConfig } from '#config/orchestrator-schema.ts';
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { publicLookup } from '#core/public-lookup.ts';
import { webhookSignature } from '#core/webhook-signature.ts';
import type { Logger } from '#telemetry/log.ts';
import type { KnownNode } from './node-registry.ts';

/** Deliveries under way or waiting, over all webhooks. */
export const deliveriesMax = 256;
const firstWaitMs = 1_000;
const waitMaxMs = 60_000;

export type WebhookTarget = WebhookConfig & { readonly secret: string };

export type WebhookCounts = { delivered: number; failedAttempts: number; givenUp: number };

type Hook = WebhookTarget & { readonly agent: Agent };

export class Webhooks {
  readonly counts: WebhookCounts = { delivered: 0, failedAttempts: 0, givenUp: 0 };
  readonly #hooks: readonly Hook[];
  readonly #fleet: string;
  readonly #log: Logger;
  readonly #firstWaitMs: number;
  readonly #ending = new AbortController();
  #underWay = 0;

  constructor(
    targets: readonly WebhookTarget[],
    fleet: string,
    log: Logger,
    waitMs: number = firstWaitMs,
  ) {
    this.#fleet = fleet;
    this.#log = log;
    this.#firstWaitMs = waitMs;
    this.#hooks = targets.map((target) => ({
      ...target,
      agent: new Agent({
        connections: 2,
        maxHeaderSize: 16_384,
        connect: {
          timeout: target.timeoutMs,
          ...(target.allowInternal ? {} : { lookup: publicLookup(lookup) }),
        },
      }),
    }));
  }

  /** Resolves when every webhook has it or was given up. */
  async nodeDied(node: KnownNode): Promise<void> {
    const { id, hello, stateAtMs, beatAtMs } = node;
    const body = JSON.stringify({
      v: 1,
      event: 'node.dead',
      id: `${this.#fleet}/${id}/${hello.startedAtMs}`,
      fleet: this.#fleet,
      node: id,
      at: new Date(stateAtMs).toISOString(),
      lastBeatAt: beatAtMs === null ? null : new Date(beatAtMs).toISOString(),
      region: hello.region,
      tags: hello.tags,
      version: hello.version,
    });
    await Promise.all(this.#hooks.map((hook) => this.#deliver(hook, body, id)));
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#hooks.map(({ agent }) => agent.destroy()));
  }

  async #deliver(hook: Hook, body: string, node: string): Promise<void> {
    const log = this.#log.child({ webhook: hook.url, node });
    if (this.#underWay >= deliveriesMax) {
      this.counts.givenUp++;
      log.error('webhook given up: too many are under way');
      return;
    }
    this.#underWay++;
    try {
      for (let attempt = 1; attempt <= hook.attemptsMax; attempt++) {
        const failure = await this.#attempt(hook, body);
        if (failure === null) {
          this.counts.delivered++;
          log.info({ attempt }, 'webhook delivered');
          return;
        }
        this.counts.failedAttempts++;
        log.warn({ attempt, reason: failure }, 'webhook failed');
        const pauseMs = Math.min(this.#firstWaitMs * 2 ** (attempt - 1), waitMaxMs);
        if (attempt < hook.attemptsMax)
          await wait(pauseMs, undefined, { signal: this.#ending.signal });
      }
      this.counts.givenUp++;
      log.error('webhook given up');
    } finally {
      this.#underWay--;
    }
  }

  /** Null when it was taken, else why not. */
  async #attempt(hook: Hook, body: string): Promise<string | null> {
    const url = new URL(hook.url);
    const seconds = Math.floor(wallMs() / 1_000);
    try {
      const { statusCode, body: answer } = await hook.agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'weir',
          'weir-signature': webhookSignature(hook.secret, seconds, body),
        },
        body,
        signal: AbortSignal.any([AbortSignal.timeout(hook.timeoutMs), this.#ending.signal]),
      });
      // What it says is not read; a connection with something left on it is not used again.
      answer.on('error', () => {});
      answer.destroy();
      return statusCode >= 200 && statusCode < 300 ? null : `answered with ${statusCode}`;
    } catch (error) {
      return describeError(error);
    }
  }
}
