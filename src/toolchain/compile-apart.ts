/**
 * The compiler in a thread of its own, with a deadline: on some sources (functions that call themselves
 * twice, at `-O3`) it does not end, and it cannot be interrupted from within.
 */
import { Worker } from 'node:worker_threads';
import {
  type CompiledGuest,
  type CompileOptions,
  type CompileProblem,
  GuestCompileError,
} from './compile-guest.ts';

/** A rule of a thousand lines takes some three seconds. */
export const compileMsMax = 60_000;

export type FromCompiler =
  | ({ readonly kind: 'compiled' } & CompiledGuest)
  | {
      readonly kind: 'refused';
      readonly message: string;
      readonly problems: readonly CompileProblem[];
    };

/** Throws `GuestCompileError`. */
export async function compileApart(
  options: CompileOptions,
  deadlineMs: number = compileMsMax,
): Promise<CompiledGuest> {
  const worker = new Worker(new URL('./compile-thread.ts', import.meta.url), {
    workerData: options,
  });
  const { promise, resolve, reject } = Promise.withResolvers<FromCompiler>();
  const timer = setTimeout(() => {
    const message = `the compiler did not end within ${deadlineMs / 1_000} s`;
    const hint = 'a function that calls itself more than once can keep it busy: try a loop';
    resolve({
      kind: 'refused',
      message,
      problems: [{ message: `${message}: ${hint}`, place: null }],
    });
  }, deadlineMs);
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('the compiler ended without an answer')));
  try {
    const answer = await promise;
    if (answer.kind === 'compiled') return answer;
    throw new GuestCompileError(answer.message, answer.problems, undefined);
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
