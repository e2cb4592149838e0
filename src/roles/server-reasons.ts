/**
 * Why servers of upstreams are out, as the workers said it: `weir status` shows the last reason of each.
 *
 * Bounded: servers come and go with configurations, and one that left while it was out is not heard of
 * again. The oldest is forgotten first; what is lost is a word in a page, never a state.
 */
import type { ServerChange } from '#proxy/upstream/upstream-registry.ts';

const reasonsMax = 1_024;

export class ServerReasons {
  readonly #byServer = new Map<string, string>();

  note({ upstream, server, state, reason }: ServerChange): void {
    // Back in one worker is not back in all: who shows a reason looks at the state first.
    if (state === 'healthy' || state === 'starting') return;
    const key = `${upstream} ${server}`;
    // A server on trial is still one that failed for the reason it was out for.
    if (state === 'trial' && this.#byServer.has(key)) return;
    this.#byServer.delete(key);
    this.#byServer.set(key, reason);
    const [oldest] = this.#byServer.keys();
    if (this.#byServer.size > reasonsMax && oldest !== undefined) this.#byServer.delete(oldest);
  }

  of(upstream: string, server: string): string | null {
    return this.#byServer.get(`${upstream} ${server}`) ?? null;
  }
}
