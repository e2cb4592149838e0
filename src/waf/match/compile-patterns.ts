/**
 * Many patterns at once, in a thread of their own: compiling the Core Rule Set takes seconds, and whoever asks for it
 * may be serving requests. What the cache has is not compiled again.
 */
import { Worker } from 'node:worker_threads';
import type { CompiledPattern } from './compile-pattern.ts';
import type { CompileReport, CompileRequest } from './compile-worker.ts';
import type { PatternProblem } from './syntax-tree.ts';

export type CompilePatternsOptions = {
  /** Null: nothing is kept. */
  readonly cacheFolder: string | null;
  /** After each pattern. */
  readonly onProgress?: (done: number, total: number, fromCache: boolean) => void;
  readonly signal?: AbortSignal;
};

export type PatternOutcome = CompiledPattern | { readonly problem: PatternProblem };

/** By source, each once. Rejects where the thread fails, or with the signal's reason. */
export async function compilePatterns(
  sources: Iterable<string>,
  options: CompilePatternsOptions,
): Promise<ReadonlyMap<string, PatternOutcome>> {
  const distinct = [...new Set(sources)];
  const outcomes = new Map<string, PatternOutcome>();
  if (distinct.length === 0) return outcomes;
  options.signal?.throwIfAborted();
  const request: CompileRequest = { sources: distinct, cacheFolder: options.cacheFolder };
  const worker = new Worker(new URL('./compile-worker.ts', import.meta.url), {
    workerData: request,
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(options.signal?.reason);
  options.signal?.addEventListener('abort', abort, { once: true });
  worker.on('message', ({ index, outcome, fromCache }: CompileReport) => {
    outcomes.set(distinct[index] ?? '', outcome);
    options.onProgress?.(outcomes.size, distinct.length, fromCache);
    if (outcomes.size === distinct.length) resolve();
  });
  worker.once('error', reject);
  worker.once('exit', (code) => {
    if (outcomes.size < distinct.length)
      reject(new Error(`the pattern compiler's thread ended with ${code}`));
  });
  try {
    await promise;
  } finally {
    options.signal?.removeEventListener('abort', abort);
    await worker.terminate();
  }
  return outcomes;
}
