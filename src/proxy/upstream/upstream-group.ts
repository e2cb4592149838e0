/** The servers of one named upstream as a configuration has them: who gets a request, and who a retry. */
import type { RouteRetries, Upstream } from '#config/upstream-schema.ts';
import type { Balancer } from './balancer.ts';
import { LeastConnections } from './least-connections.ts';
import { RendezvousHash } from './rendezvous-hash.ts';
import { RetryBudget } from './retry-budget.ts';
import { SmoothRoundRobin } from './smooth-round-robin.ts';
import type { UpstreamServer } from './upstream-server.ts';

export type GroupSettings = Pick<
  Upstream,
  'balance' | 'host' | 'noneHealthy' | 'protocol' | 'requestTrailers' | 'retries'
> & {
  /** By the index of the server. */
  readonly weights: readonly number[];
};

export class UpstreamGroup {
  readonly name: string;
  readonly servers: readonly UpstreamServer[];
  readonly retries: Upstream['retries'];
  readonly budget: RetryBudget;
  /** Only HTTP/1.1 has an Upgrade to pass on. */
  readonly takesUpgrades: boolean;
  /** Trailers of a request may go on to its servers. */
  readonly takesTrailers: boolean;
  readonly #settings: GroupSettings;
  readonly #balancer: Balancer;
  /** What each server may take now; filled anew for each pick. */
  readonly #weights: Float64Array;
  readonly #inFlight: Float64Array;

  /** `other` is the same group with other settings: both take turns and retries out of one hand. */
  constructor(
    name: string,
    servers: readonly UpstreamServer[],
    settings: GroupSettings,
    other: UpstreamGroup | null = null,
  ) {
    this.name = name;
    this.servers = servers;
    this.retries = settings.retries;
    this.budget = other?.budget ?? new RetryBudget(settings.retries);
    this.takesUpgrades = settings.protocol === 'http1';
    this.takesTrailers = settings.requestTrailers;
    this.#settings = settings;
    this.#weights = new Float64Array(servers.length);
    this.#inFlight = new Float64Array(servers.length);
    this.#balancer = other === null ? makeBalancer(settings.balance, servers) : other.#balancer;
  }

  /** The group as a route has it that says something about retries itself. */
  withRetries(own: RouteRetries): UpstreamGroup {
    if (Object.keys(own).length === 0) return this;
    const retries = { ...this.retries, ...own };
    return new UpstreamGroup(this.name, this.servers, { ...this.#settings, retries }, this);
  }

  /**
   * The server for a request of `client`, or null when all are out. Those that were tried already come
   * last: they get it again only when no other is usable.
   */
  pick(client: string, tried: readonly UpstreamServer[], now: number): UpstreamServer | null {
    const { servers } = this;
    const [only] = servers;
    if (servers.length === 1 && only !== undefined)
      return only.health.isUsable(now) || this.#settings.noneHealthy === 'use-all' ? only : null;
    for (let i = 0; i < servers.length; i++) {
      const server = servers[i] as UpstreamServer;
      const isUsable = server.health.isUsable(now) && !tried.includes(server);
      this.#inFlight[i] = server.inFlight;
      this.#weights[i] = isUsable
        ? (this.#settings.weights[i] as number) * server.health.share(now)
        : 0;
    }
    const at = this.#balancer.pick(this.#weights, this.#inFlight, client);
    if (at >= 0) return servers[at] as UpstreamServer;
    if (tried.length > 0) return this.pick(client, [], now);
    if (this.#settings.noneHealthy !== 'use-all') return null;
    this.#weights.set(this.#settings.weights);
    return servers[this.#balancer.pick(this.#weights, this.#inFlight, client)] ?? null;
  }

  hasOther(tried: readonly UpstreamServer[], now: number): boolean {
    return this.servers.some((server) => !tried.includes(server) && server.health.isUsable(now));
  }

  /** Whole seconds until a server may be tried again, at least 1. */
  retryAfterSeconds(now: number): number {
    let at = Number.POSITIVE_INFINITY;
    for (const { health } of this.servers) at = Math.min(at, health.nextTrialAt(now));
    return Math.max(1, Math.ceil((at - now) / 1_000));
  }

  /** The Host to send to a server, or empty for the client's. */
  authorityFor(server: UpstreamServer): string {
    const { host } = this.#settings;
    if (host === 'keep') return '';
    return host === 'upstream' ? server.authority : host;
  }
}

function makeBalancer(balance: Upstream['balance'], servers: readonly UpstreamServer[]): Balancer {
  switch (balance) {
    case 'round-robin':
      return new SmoothRoundRobin(servers.length);
    case 'least-connections':
      return new LeastConnections();
    case 'ip-hash':
      return new RendezvousHash(servers.map(({ url }) => url));
  }
}
