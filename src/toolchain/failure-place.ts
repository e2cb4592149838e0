/**
 * Where in its source a module failed: offsets of a trace, led back through what the meter has put in, and
 * through the source map that came with the module.
 *
 * A map is a file of megabytes from whoever wrote the module, so it is read in a thread of its own, with a heap and
 * a deadline: whoever serves requests waits for none of it, and a map that makes no sense costs a trace its line.
 */
import { startBareThread } from '#core/bare-thread.ts';
import type { CompileSource } from '#wasm/live-module.ts';

export type PlaceJob = {
  readonly module: Pick<CompileSource, 'bytes' | 'fuel' | 'memoryPagesMax'>;
  /** Null: the map that the module itself carries. */
  readonly sourceMap: string | null;
  /** In the metered module, innermost first. */
  readonly offsets: readonly number[];
};

const machinePlace = /wasm-function\[\d+\]:0x[0-9a-f]+/;

/** A reason as it was said, with the place in the source where that in the code was. */
export function withPlace(reason: string, place: string | null): string {
  if (place === null) return reason;
  return machinePlace.test(reason)
    ? reason.replace(machinePlace, () => place)
    : `${reason} (${place})`;
}

const placeMsMax = 5_000;
/** For the thread to be there, on a machine with other things to do. */
const threadStartMsMax = 30_000;
const heapMegabytesMax = 256;

/** Looked for in a thread where it may be. */
const carriesMap = ({ buffer, byteOffset, length }: Uint8Array): boolean =>
  Buffer.from(buffer, byteOffset, length).includes('data:application/json');

/** What the thread gets. */
export type SourceMapJob =
  | ({ readonly kind: 'place' } & PlaceJob)
  | { readonly kind: 'check'; readonly sourceMap: string };

/** `file:line:column`; null where nothing says it. */
export async function findFailurePlace(job: PlaceJob): Promise<string | null> {
  if (job.offsets.length === 0 || (job.sourceMap === null && !carriesMap(job.module.bytes)))
    return null;
  return inThread({ kind: 'place', ...job }, null);
}

/** Why it is no source map that places can be found in; null where it is one. */
export const findSourceMapFault = (sourceMap: string): Promise<string | null> =>
  inThread(
    { kind: 'check', sourceMap },
    `cannot be read within ${placeMsMax} ms and ${heapMegabytesMax} MB`,
  );

async function inThread(job: SourceMapJob, failing: string | null): Promise<string | null> {
  const file = new URL('./failure-place-thread.ts', import.meta.url);
  const worker = startBareThread(file, heapMegabytesMax, job);
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const fail = (): void => resolve(failing);
  let timer = setTimeout(fail, threadStartMsMax);
  worker.once('online', () => {
    clearTimeout(timer);
    timer = setTimeout(fail, placeMsMax);
  });
  worker.on('message', resolve);
  worker.on('error', fail);
  worker.on('exit', fail);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
