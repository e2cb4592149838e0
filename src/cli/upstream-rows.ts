/** The servers of the upstreams as `weir status` prints them: what is not well stands first. */
import type { UpstreamStatus } from '#admin/control.ts';
import type { Cell, Style } from '#cli/printer.ts';
import { thousands } from '#cli/words.ts';

/** Beyond it the page says how many are left out; `--json` has all. */
const rowsMax = 40;

type Server = UpstreamStatus['servers'][number];

export function upstreamRows(upstreams: readonly UpstreamStatus[]): readonly (readonly Cell[])[] {
  const all = upstreams.flatMap((upstream) =>
    upstream.servers.map((server) => ({ upstream, server })),
  );
  const isWell = ({ server }: { server: Server }): boolean =>
    server.state === 'healthy' || server.state === null;
  const sorted = [...all.filter((one) => !isWell(one)), ...all.filter(isWell)];
  const rows = sorted
    .slice(0, rowsMax)
    .map(({ upstream, server }): readonly Cell[] => [
      upstream.name,
      server.url,
      { text: stateText(server), style: stateStyle(server.state) },
      `${thousands(server.inFlight)} in flight`,
      `${thousands(server.requests)} sent`,
      server.failures === 0
        ? ''
        : { text: `${thousands(server.failures)} failed`, style: 'yellow' as const },
    ]);
  const left = all.length - rows.length;
  return left === 0 ? rows : [...rows, [`and ${thousands(left)} more`]];
}

/** Where workers do not agree, how many see what. */
function stateText({ state, seen }: Server): string {
  if (state === null) return 'unknown';
  return seen.length === 1 ? state : seen.map((one) => `${one.state} in ${one.workers}`).join(', ');
}

function stateStyle(state: Server['state']): Style {
  if (state === 'healthy') return 'green';
  return state === 'unhealthy' || state === 'open' ? 'red' : 'yellow';
}
