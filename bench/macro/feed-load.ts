/**
 * How long is it from a list of 100,000 entries, a tenth of them ranges, to all of them in force in two workers, and
 * what does it cost to load it again where 300 have changed, or none?
 *
 *     node bench/macro/feed-load.ts
 *
 * A node of two workers with `weir edge`, the list in a file, `feed refresh` over the management API, which answers
 * when the change is in force. What is measured counts only where the block list then has as many entries.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEdgeProcess } from '../../test/support/edge-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-feed-load-'));
const file = join(folder, 'list.netset');
const size = 100_000;
const rounds = 5;

/** Addresses from `first` on, each tenth of them a range of 256. */
function list(first: number): string {
  const lines: string[] = [];
  for (let at = first; at < first + size; at++) {
    const isRange = at % 10 === 0;
    const number = isRange ? (60 << 24) + at * 256 : (45 << 24) + at * 16;
    const text = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
    lines.push(isRange ? `${text}/24` : text);
  }
  return `${lines.join('\n')}\n`;
}

writeFileSync(file, '');
const edge = await startEdgeProcess(`edge:
  workers: 2
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
feeds: { big: { file: ${file}, everySeconds: 604800 } }
`);
try {
  const refresh = async (): Promise<number> => {
    const before = performance.now();
    const { body } = await edge.call('POST', '/api/v1/feeds/big/refresh');
    const tookMs = performance.now() - before;
    if (body['problem'] !== null) throw new Error(String(body['problem']));
    return tookMs;
  };
  const expect = async (entries: number): Promise<void> => {
    const { body } = await edge.call('GET', '/api/v1/status');
    const { count } = body['blocks'] as { count: number };
    if (count !== entries) throw new Error(`${count} blocks, and ${entries} were expected`);
  };
  const figures: Record<'all' | 'changed' | 'none', number[]> = { all: [], changed: [], none: [] };
  for (let round = 0; round < rounds; round++) {
    writeFileSync(file, list(0));
    figures.all.push(await refresh());
    await expect(size);
    writeFileSync(file, list(300));
    figures.changed.push(await refresh());
    await expect(size);
    figures.none.push(await refresh());
    writeFileSync(file, '');
    await refresh();
    await expect(0);
  }
  const line = (name: string, values: readonly number[]): string => {
    const sorted = values.toSorted((a, b) => a - b);
    const [least, median, most] = [0, Math.floor(rounds / 2), rounds - 1].map((at) =>
      (sorted[at] ?? Number.NaN).toFixed(0),
    );
    return `${name.padEnd(28)}${median} ms  (${least} to ${most}, ${rounds} rounds)`;
  };
  process.stdout.write(
    `${line(`${size} entries, all new`, figures.all)}\n${line('300 of them others', figures.changed)}\n${line('unchanged', figures.none)}\n`,
  );
} finally {
  await edge[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
}
