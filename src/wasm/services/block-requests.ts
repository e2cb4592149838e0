/**
 * Addresses that modules want blocked, looked at before anybody else hears of them: an address that a
 * client made up, or one that the node lives by, goes nowhere.
 */
import { monotonicMs } from '#core/clock.ts';
import { isLoopback, isUnspecified, parseIp } from '#core/ip.ts';
import type { BlockRefusal } from '../host-services.ts';
import { RateGate } from './rate-gate.ts';

export const blocksAMinuteMax = 100;
/** 30 days. */
export const blockSecondsMax = 2_592_000;

export type BlockOrder = {
  readonly module: string;
  /** Canonical. */
  readonly address: string;
  readonly ttlSeconds: number;
  readonly reason: string;
};

export type BlockRequestOptions = {
  /** Trusted proxies and whoever else is never to be blocked. */
  readonly isProtected: (address: string) => boolean;
  /** Hands it on; false where that cannot be done now. */
  readonly send: (order: BlockOrder) => boolean;
  readonly nowMs?: () => number;
};

export class BlockRequests {
  readonly #options: BlockRequestOptions;
  readonly #gate: RateGate;
  /** Asked for lately, so that a client that goes on sending is one order. */
  readonly #recent = new Map<string, number>();

  constructor(options: BlockRequestOptions) {
    this.#options = options;
    this.#gate = new RateGate(blocksAMinuteMax, 60_000, options.nowMs ?? monotonicMs);
  }

  /** Null: under way, or asked for a moment ago. */
  block(module: string, text: string, ttlSeconds: number, reason: string): BlockRefusal | null {
    const address = parseIp(text);
    if (address === null) return 'address';
    if (ttlSeconds < 1 || ttlSeconds > blockSecondsMax) return 'ttl';
    if (isLoopback(address) || isUnspecified(address)) return 'protected';
    if (this.#options.isProtected(address.text)) return 'protected';
    const now = (this.#options.nowMs ?? monotonicMs)();
    const askedAt = this.#recent.get(address.text);
    if (askedAt !== undefined && now - askedAt < recentMs) return null;
    if (!this.#gate.take(module)) return 'budget';
    const order = { module, address: address.text, ttlSeconds, reason: plainText(reason) };
    if (!this.#options.send(order)) return 'unavailable';
    if (this.#recent.size >= recentMax) this.#recent.clear();
    this.#recent.set(address.text, now);
    return null;
  }
}

/** Shorter than any block lasts. */
const recentMs = 1_000;
const recentMax = 1_000;

/** What a module says is shown to people in one line. */
export const plainText = (text: string): string =>
  [...text].map((char) => (char < ' ' || char === '\x7f' ? ' ' : char)).join('');
