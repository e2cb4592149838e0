/**
 * Tries a module out before it goes near a request: compiled, looked at, started and called in a
 * thread of its own with a deadline, so that one that never ends costs the caller two seconds and
 * nothing else.
 */
import type { Worker } from 'node:worker_threads';
import { startBareThread } from '#core/bare-thread.ts';
import type { GuestLimits } from './abi.ts';
import { type CompileSource, invalidModule } from './live-module.ts';
import type { FromValidation, ValidationJob } from './validate-thread.ts';

/** For everything a module has to do: a good one needs a few milliseconds. */
export const validationMsMax = 2_000;

/**
 * For the thread to be there: 40 ms, but a node that starts with many modules on few cores starts many
 * threads at once, and that is not a module's fault.
 */
const threadStartMsMax = 30_000;

const heapMegabytesMax = 64;

/** For the module's own cases, beside that: thousands of them take less. */
export const caseMsMax = 10_000;

/** One thing that is wrong with a module. */
export type ModuleFault = {
  readonly text: string;
  /** Of its trace, in the bytes that were compiled, innermost first; empty where its code is not what failed. */
  readonly offsets: readonly number[];
};

export type Validation = {
  readonly deadlineMs?: number;
  /** Text of its own cases, which it then has to pass. */
  readonly cases?: string | null;
  /** The text of a fault, with its place in the source where somebody knows it. */
  readonly tell?: (fault: ModuleFault) => Promise<string>;
};

/** Resolves when the module can go live; throws `MODULE_INVALID` with every fault in `details`. */
export async function validateModule(
  source: CompileSource,
  limits: GuestLimits,
  { deadlineMs = validationMsMax, cases = null, tell = async ({ text }) => text }: Validation = {},
): Promise<void> {
  const job: ValidationJob = { source, limits, cases };
  const file = new URL('./validate-thread.ts', import.meta.url);
  const worker = startBareThread(file, heapMegabytesMax, job);
  try {
    const faults = await outcome(worker, deadlineMs + (cases === null ? 0 : caseMsMax));
    if (faults.length > 0) throw invalidModule(source.name, await Promise.all(faults.map(tell)));
  } finally {
    await worker.terminate();
  }
}

function outcome(worker: Worker, deadlineMs: number): Promise<readonly ModuleFault[]> {
  const { promise, resolve } = Promise.withResolvers<readonly ModuleFault[]>();
  const failed = (text: string): void => resolve([{ text, offsets: [] }]);
  let stage: string | null = null;
  const late = () => {
    failed(
      stage === null
        ? `could not be tried: no thread was there for it within ${threadStartMsMax} ms`
        : `did not finish within ${deadlineMs} ms while ${stage}: it may hold a loop without an end`,
    );
  };
  let timer = setTimeout(late, threadStartMsMax);
  worker.on('message', (message: FromValidation) => {
    if (message.kind === 'done') {
      resolve(message.faults);
      return;
    }
    if (stage === null) {
      clearTimeout(timer);
      timer = setTimeout(late, deadlineMs);
    }
    stage = message.stage;
  });
  worker.on('error', (error: unknown) => {
    failed(
      `failed while ${stage ?? 'starting'}: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  worker.on('exit', () => failed(`ended its thread while ${stage ?? 'starting'}`));
  return promise.finally(() => clearTimeout(timer));
}
