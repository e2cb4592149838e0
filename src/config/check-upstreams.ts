/** Upstreams: the servers' addresses. */
import { type ConfigDraft, present, presentEntries } from './draft.ts';
import type { Say } from './problem.ts';
import { parseUpstreamUrl } from './upstream-url.ts';

export function checkUpstreams(config: ConfigDraft, say: Say): void {
  for (const [name, upstream] of presentEntries(config.upstreams)) {
    const seen = new Set<string>();
    for (const [index, server] of present(upstream.servers)) {
      if (server.url === undefined) continue;
      const path = `upstreams.${name}.servers[${index}].url`;
      const url = parseUpstreamUrl(server.url);
      if (!url.ok) {
        say(path, `${server.url} ${url.message}`, url.fix);
        continue;
      }
      const key = `${url.host.toLowerCase()} ${url.port}`;
      if (seen.has(key)) say(path, `${server.url} stands in this upstream twice`, 'keep one');
      seen.add(key);
    }
  }
}
