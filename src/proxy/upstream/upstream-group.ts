/** The servers of one named upstream, used in turn. */
import type { UpstreamServer } from './upstream-server.ts';

export class UpstreamGroup {
  readonly name: string;
  readonly servers: readonly UpstreamServer[];
  #next = 0;

  constructor(name: string, servers: readonly UpstreamServer[]) {
    this.name = name;
    this.servers = servers;
  }

  /** Round robin. A retry asks again and so gets the next one. */
  pick(): UpstreamServer {
    const server = this.servers[this.#next] as UpstreamServer;
    this.#next = (this.#next + 1) % this.servers.length;
    return server;
  }
}
