/**
 * Counts failed attempts for each source address in windows of one minute.
 *
 * The right token is never held up by it: on loopback every caller shares one address, so locking the
 * address out would let any local process keep the operator from the daemon. Guessing is hopeless
 * anyway, because the daemon makes tokens from 256 random bits; the limit keeps the log readable and
 * tells a client with a stale token to slow down.
 *
 * The table is a Map in insertion order: when it is full the oldest window goes. An IPv6 caller counts
 * by its /64, because one host commonly has that many addresses to choose from.
 */
import { parseIp } from './ip.ts';

export const attemptsMax = 10;
export const attemptWindowMs = 60_000;
export const attemptSourcesMax = 1_024;

export class AttemptLimit {
  readonly #windows = new Map<string, { count: number; readonly endsMs: number }>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Counts one failure; null while within the limit, else the seconds until the window ends. */
  fail(address: string): number | null {
    const nowMs = this.#nowMs();
    const key = sourceKey(address);
    let window = this.#windows.get(key);
    if (window === undefined || window.endsMs <= nowMs) {
      this.#windows.delete(key);
      if (this.#windows.size >= attemptSourcesMax) this.#dropOldest();
      window = { count: 0, endsMs: nowMs + attemptWindowMs };
      this.#windows.set(key, window);
    }
    // Stops at the first one over, so that a flood cannot count for ever.
    if (window.count <= attemptsMax) window.count += 1;
    return window.count <= attemptsMax
      ? null
      : Math.max(1, Math.ceil((window.endsMs - nowMs) / 1_000));
  }

  get size(): number {
    return this.#windows.size;
  }

  #dropOldest(): void {
    const oldest = this.#windows.keys().next();
    if (oldest.done !== true) this.#windows.delete(oldest.value);
  }
}

/** An IPv4-mapped address is the IPv4 caller behind a dual-stack socket; `parseIp` reads it as that. */
export function sourceKey(address: string): string {
  const parsed = parseIp(address.split('%', 1)[0] ?? '');
  if (parsed === null) return 'unknown';
  const [first = 0, second = 0] = parsed.words;
  return parsed.family === 4 ? parsed.text : `${first.toString(16)}:${second.toString(16)}/64`;
}
