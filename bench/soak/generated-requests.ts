/**
 * Does any request, valid or nearly so, crash the data plane, or reach the origin as something else than the
 * rules saw?
 *
 *     node bench/soak/generated-requests.ts [--requests 10000000] [--seed 1] [--workers 2] [--fresh]
 *
 * The whole data plane runs in memory (test/support/generated-run.ts says what is compared with what). A
 * block of connections depends on the seed and its number alone, so a failure names the block that shows it
 * again. Progress is kept in build/, and a run that was stopped goes on where it was, unless `--fresh`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { GeneratedRun, type RunCounts } from '../../test/support/generated-run.ts';
import { keepResult } from '../support/results.ts';

/** What is finished is finished in whole blocks. */
const blockConnections = 5_000;
const progressMs = 10_000;

type State = { readonly seed: number; nextBlock: number; seconds: number; counts: RunCounts };
type Report = { readonly counts: RunCounts } | { readonly failure: string };

if (isMainThread) await lead();
else await work();

/** Runs the blocks it is told to, one after another. */
async function work(): Promise<void> {
  const { seed } = workerData as { readonly seed: number };
  const run = await GeneratedRun.create();
  const port = parentPort as NonNullable<typeof parentPort>;
  port.on('message', async (block: number) => {
    const before = { ...run.counts };
    try {
      await run.block(seed, block, blockConnections);
      const entries = Object.entries(run.counts) as [keyof RunCounts, number][];
      port.postMessage({
        counts: Object.fromEntries(entries.map(([name, count]) => [name, count - before[name]])),
      } as Report);
    } catch (error) {
      port.postMessage({ failure: (error as Error).message } satisfies Report);
    }
  });
  port.postMessage({ counts: run.counts } satisfies Report);
}

async function lead(): Promise<void> {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '10000000' },
      seed: { type: 'string', default: '1' },
      workers: { type: 'string', default: '2' },
      fresh: { type: 'boolean', default: false },
    },
  });
  const total = Number(values.requests);
  const seed = Number(values.seed);
  const folder = new URL('../../build/', import.meta.url).pathname;
  const file = `${folder}generated-requests.json`;
  const state = readState(file, seed, values.fresh);
  const startedAt = performance.now();
  const secondsBefore = state.seconds;
  if (state.nextBlock > 0)
    process.stderr.write(
      `going on at block ${state.nextBlock}, ${state.counts.requests} requests\n`,
    );
  // Blocks may end out of order: only those below every unfinished one count for going on later.
  const finished = new Map<number, RunCounts>();
  let next = state.nextBlock;
  let failure = '';
  const first = { requests: state.counts.requests };
  let done = first.requests;
  const timer = setInterval(() => {
    const rate = (done - first.requests) / ((performance.now() - startedAt) / 1_000);
    process.stderr.write(
      `${done} of ${total} requests (${((100 * done) / total).toFixed(1)} %), ${rate.toFixed(0)}/s\n`,
    );
    save();
  }, progressMs);
  await Promise.all(
    Array.from({ length: Number(values.workers) }, async () => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { seed } });
      let block = -1;
      await new Promise<void>((resolve) => {
        worker.on('error', (error: unknown) => {
          failure ||= `block ${block} of seed ${seed}: the thread ended: ${(error as Error).stack}`;
          resolve();
        });
        worker.on('message', (report: Report) => {
          if ('failure' in report) failure ||= report.failure;
          else if (block >= 0) {
            finished.set(block, report.counts);
            done += report.counts.requests;
          }
          if (failure !== '' || done >= total) return resolve();
          block = next++;
          worker.postMessage(block);
        });
      });
      await worker.terminate();
    }),
  );
  clearInterval(timer);
  save();
  const figures = {
    seed,
    blocks: state.nextBlock,
    seconds: state.seconds,
    ...state.counts,
    requestsPerSecond: Math.round(
      (state.counts.requests - first.requests) / Math.max(1, state.seconds - secondsBefore),
    ),
    failure,
  };
  if (failure === '' && state.counts.requests >= total)
    keepResult(
      'generated-requests',
      `node bench/soak/generated-requests.ts --requests ${total} --seed ${seed} --workers ${values.workers}`,
      figures,
    );
  else process.stdout.write(`${JSON.stringify(figures, null, 1)}\n`);
  process.exitCode = failure === '' ? 0 : 1;

  function save(): void {
    for (;;) {
      const counts = finished.get(state.nextBlock);
      if (counts === undefined) break;
      finished.delete(state.nextBlock++);
      for (const [name, count] of Object.entries(counts) as [keyof RunCounts, number][])
        state.counts[name] += count;
    }
    state.seconds = secondsBefore + Math.round((performance.now() - startedAt) / 1_000);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, JSON.stringify(state));
  }
}

function readState(file: string, seed: number, fresh: boolean): State {
  if (!fresh && existsSync(file)) {
    const state = JSON.parse(readFileSync(file, 'utf8')) as State;
    if (state.seed === seed) return state;
  }
  const counts: RunCounts = {
    connections: 0,
    requests: 0,
    mutated: 0,
    inspected: 0,
    forwarded: 0,
    blocked: 0,
    refused: 0,
  };
  return { seed, nextBlock: 0, seconds: 0, counts };
}
