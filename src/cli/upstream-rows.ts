/**
 * The servers of the upstreams as `weir status` prints them: what is not well stands first, an upstream's
 * servers stand together under its name, and the address, which may be long, ends the line.
 */
import type { UpstreamStatus } from '#admin/control.ts';
import type { Cell, Style } from '#cli/printer.ts';
import { thousands } from '#cli/words.ts';

/** Beyond it the page says how many are left out; `--json` has all. */
const rowsMax = 40;

type Server = UpstreamStatus['servers'][number];

export function upstreamRows(upstreams: readonly UpstreamStatus[]): readonly (readonly Cell[])[] {
  const rows = byWorry(upstreams, ({ servers }) => servers.every(isWell)).flatMap((upstream) =>
    byWorry(upstream.servers, isWell).map((server, index) => serverRow(upstream, server, index)),
  );
  const shown = rows.slice(0, rowsMax);
  const left = rows.length - shown.length;
  return left === 0 ? shown : [...shown, [`and ${thousands(left)} more`]];
}

function serverRow(upstream: UpstreamStatus, server: Server, index: number): readonly Cell[] {
  return [
    index === 0 ? upstream.name : '',
    { text: stateText(upstream, server), style: stateStyle(server.state) },
    server.inFlight === 0 ? '' : `${thousands(server.inFlight)} in flight`,
    `${thousands(server.requests)} sent`,
    server.failures === 0
      ? ''
      : { text: `${thousands(server.failures)} failed`, style: 'yellow' as const },
    upstream.protocol === 'http2' ? `${server.url} (h2)` : server.url,
  ];
}

const isWell = ({ state }: Server): boolean => state === 'healthy' || state === null;

/** Those with a worry first, each part in its own order. */
function byWorry<Item>(items: readonly Item[], well: (item: Item) => boolean): Item[] {
  return [...items.filter((item) => !well(item)), ...items.filter(well)];
}

/** Where workers do not agree, how many see what. Nothing is known of a server nobody has asked. */
function stateText({ isChecked }: UpstreamStatus, { state, seen, requests }: Server): string {
  if (state === null) return 'unknown';
  if (seen.length > 1) return seen.map((one) => `${one.state} in ${one.workers}`).join(', ');
  return state === 'healthy' && !isChecked && requests === 0 ? 'untried' : state;
}

function stateStyle(state: Server['state']): Style {
  if (state === 'healthy') return 'green';
  return state === 'unhealthy' || state === 'open' ? 'red' : 'yellow';
}
