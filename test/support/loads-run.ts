/** Another version of a module again and again, while requests flow: none fails, none sees two versions. */
import { CheckedLoad, type CheckedResult } from './checked-load.ts';
import { startEchoOrigin } from './echo-origin.ts';
import { ModuleEdge } from './module-edge.ts';
import { versionedModule } from './versioned-module.ts';

export type LoadsRunOptions = {
  readonly loads: number;
  readonly connections: number;
  /** Between two looks at memory. */
  readonly loadsPerSample: number;
  /** Before the first load: memory is no measure while code is still being compiled. */
  readonly requestsBefore: number;
  readonly onSample?: (loads: number, residentBytes: number) => void;
};

export type LoadsRunResult = CheckedResult & {
  readonly processExits: number;
  readonly loads: number;
  /** How many versions answered at least one request. */
  readonly versionsSeen: number;
  readonly residentBytes: readonly number[];
  readonly heapBytes: readonly number[];
  /** Of the straight line through the second half of the samples. */
  readonly residentSlopeBytesPerLoad: number;
  readonly heapSlopeBytesPerLoad: number;
};

export async function loadsRun(options: LoadsRunOptions): Promise<LoadsRunResult> {
  const moduleOf = await versionedModule();
  await using origin = await startEchoOrigin(['x-number', 'x-request-version']);
  await using edge = await ModuleEdge.start(origin.url, moduleOf(0));
  const seen = new Set<string>();
  const load = new CheckedLoad(edge.port, Number.POSITIVE_INFINITY, (index) => ({
    text: `GET / HTTP/1.1\r\nHost: a.test\r\nX-Number: ${index}\r\n\r\n`,
    problemOf: ({ status, body, field }) => {
      if (status !== 200) return `status ${status}`;
      const [number, ofRequest] = body.split('\n');
      const ofResponse = field('x-response-version');
      if (number !== String(index)) return 'the answer of another request';
      if (ofResponse === null || !ofResponse.startsWith('version:')) return 'no version';
      seen.add(ofResponse);
      return ofRequest === ofResponse ? null : 'two versions';
    },
  }));
  const running = load.run(options.connections);
  await answeredAtLeast(load, options.requestsBefore);
  const residentBytes: number[] = [];
  const heapBytes: number[] = [];
  for (let version = 1; version <= options.loads; version++) {
    await edge.load(moduleOf(version));
    // So that each version has requests to answer.
    await answeredAtLeast(load, load.answered + options.connections);
    if (version % options.loadsPerSample !== 0) continue;
    const sample = await edge.memory();
    residentBytes.push(sample.residentBytes);
    heapBytes.push(sample.heapBytes);
    options.onSample?.(version, sample.residentBytes);
  }
  load.stop();
  const result = await running;
  return {
    ...result,
    processExits: edge.exits,
    loads: options.loads,
    versionsSeen: seen.size,
    residentBytes,
    heapBytes,
    residentSlopeBytesPerLoad: slopePerLoad(residentBytes, options.loadsPerSample),
    heapSlopeBytesPerLoad: slopePerLoad(heapBytes, options.loadsPerSample),
  };
}

async function answeredAtLeast(load: CheckedLoad, count: number): Promise<void> {
  while (load.answered < count) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** The first half is warming up. */
const slopePerLoad = (samples: readonly number[], loadsPerSample: number): number =>
  Math.round(slope(samples.slice(Math.floor(samples.length / 2))) / loadsPerSample);

/** Of the line of least squares, per step. */
export function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let products = 0;
  let squares = 0;
  for (const [index, value] of values.entries()) {
    products += (index - middle) * (value - mean);
    squares += (index - middle) ** 2;
  }
  return squares === 0 ? 0 : products / squares;
}
