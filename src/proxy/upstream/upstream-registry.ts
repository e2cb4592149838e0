/**
 * Servers outlive configurations: a reload that keeps a server keeps its connections.
 */
import type { Config } from '#config/schema.ts';
import type { DeadlineTable } from '#core/deadline-table.ts';
import { UpstreamGroup } from './upstream-group.ts';
import { UpstreamServer } from './upstream-server.ts';

export class UpstreamRegistry {
  readonly #servers = new Map<string, UpstreamServer>();
  readonly #deadlines: DeadlineTable;

  constructor(deadlines: DeadlineTable) {
    this.#deadlines = deadlines;
  }

  /** Builds the groups of a configuration beside the live one; known servers are shared, not changed. */
  prepare(config: Config): Map<string, UpstreamGroup> {
    const groups = new Map<string, UpstreamGroup>();
    for (const [name, upstream] of Object.entries(config.upstreams)) {
      const settings = {
        connectionsMax: upstream.connectionsMax,
        waitingMax: upstream.waitingMax,
        idleMs: upstream.idleMs,
        connectMs: config.edge.timeouts.connectMs,
      };
      const servers = upstream.servers.map(({ url }) => {
        const key = `${name} ${url} ${JSON.stringify(settings)}`;
        return (
          this.#servers.get(key) ??
          this.#add(key, new UpstreamServer(url, settings, this.#deadlines))
        );
      });
      groups.set(name, new UpstreamGroup(name, servers));
    }
    return groups;
  }

  /** Lets go of servers that no group uses any more. */
  retain(groups: Iterable<UpstreamGroup>): void {
    const used = new Set<UpstreamServer>();
    for (const group of groups) for (const server of group.servers) used.add(server);
    for (const [key, server] of this.#servers) {
      if (used.has(server)) continue;
      this.#servers.delete(key);
      server.retire();
    }
  }

  get connections(): { open: number; idle: number } {
    let open = 0;
    let idle = 0;
    for (const server of this.#servers.values()) {
      open += server.openCount;
      idle += server.idleCount;
    }
    return { open, idle };
  }

  #add(key: string, server: UpstreamServer): UpstreamServer {
    this.#servers.set(key, server);
    return server;
  }
}
