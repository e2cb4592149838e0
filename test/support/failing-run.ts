/**
 * Requests through an edge whose module fails in 1 % of them, in every way a guest can: who sees it, and
 * whether anything else does.
 */
import { type CheckedAnswer, CheckedLoad, type CheckedResult } from './checked-load.ts';
import { startEchoOrigin } from './echo-origin.ts';
import { buildTestGuest } from './guests.ts';
import { ModuleEdge } from './module-edge.ts';
import { generator } from './random-program.ts';

export const failureWays = ['trap', 'loop', 'memory', 'stack'] as const;
export type FailureWay = (typeof failureWays)[number];

export type FailingRunOptions = {
  readonly requests: number;
  readonly seed: number;
  readonly connections: number;
  readonly onProgress?: (answered: number) => void;
};

export type FailingRunResult = CheckedResult & {
  readonly processExits: number;
  /** As the worker counted them. */
  readonly failures: number;
  /** As they were asked for. */
  readonly asked: Readonly<Record<FailureWay, number>>;
  readonly residentMbAtStart: number;
  readonly residentMbAtEnd: number;
};

/** Small, so that an endless loop costs a millisecond and not the run. */
const fuel = 1_000_000;
const failing = 0.01;

export async function failingRun(options: FailingRunOptions): Promise<FailingRunResult> {
  await using origin = await startEchoOrigin(['x-number', 'x-calls']);
  await using edge = await ModuleEdge.start(origin.url, await buildTestGuest('failing'), fuel);
  const random = generator(options.seed);
  const asked: Record<FailureWay, number> = { trap: 0, loop: 0, memory: 0, stack: 0 };
  const { residentBytes: before } = await edge.memory();
  const load = new CheckedLoad(edge.port, options.requests, (index) => {
    const way = random() < failing ? (failureWays[Math.floor(random() * 4)] as FailureWay) : null;
    if (way !== null) asked[way]++;
    const path = way === null ? '/page' : `/fail/${way}`;
    return {
      text: `GET ${path} HTTP/1.1\r\nHost: a.test\r\nX-Number: ${index}\r\n\r\n`,
      problemOf: (answer) => problemOf(way, index, answer),
    };
  });
  const progress = setInterval(() => options.onProgress?.(load.answered), 10_000);
  const result = await load.run(options.connections);
  clearInterval(progress);
  const { residentBytes, failures } = await edge.memory();
  return {
    ...result,
    processExits: edge.exits,
    failures,
    asked,
    residentMbAtStart: Math.round(before / 1e6),
    residentMbAtEnd: Math.round(residentBytes / 1e6),
  };
}

function problemOf(way: FailureWay | null, index: number, answer: CheckedAnswer): string | null {
  if (way !== null) return answer.status === 503 ? null : `${answer.status} for ${way}`;
  if (answer.status !== 200) return `${answer.status} for a good request`;
  return answer.body === `${index}\n1` ? null : 'the answer of another request, or a leak';
}
