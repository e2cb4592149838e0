/** The inside of `compile-apart.ts`: compiles once, and says what came of it. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '#core/assert.ts';
import type { FromCompiler } from './compile-apart.ts';
import { type CompileOptions, compileGuest, GuestCompileError } from './compile-guest.ts';

assert(parentPort !== null, 'runs as a worker thread only');
const port = parentPort;
const answer = (message: FromCompiler): void => port.postMessage(message);

try {
  answer({ kind: 'compiled', ...(await compileGuest(workerData as CompileOptions)) });
} catch (error) {
  // Anything else ends the thread, and the one who waits gets it as it is.
  if (!(error instanceof GuestCompileError)) throw error;
  answer({ kind: 'refused', message: error.message, problems: error.problems });
}
