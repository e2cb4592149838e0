/**
 * Tries a module out before it goes near a request: compiled, looked at, started and called in a
 * thread of its own with a deadline, so that one that never ends costs the caller two seconds and
 * nothing else.
 *
 * The deadline runs from the thread's first word on. How long a thread takes to start says nothing of the
 * module: on a machine that boots, with ten modules tried at once, it is seconds.
 */
import { Worker } from 'node:worker_threads';
import type { GuestLimits } from './abi.ts';
import { type CompileSource, invalidModule } from './live-module.ts';
import type { FromValidation, ValidationJob } from './validate-thread.ts';

/** For everything a module has to do: a good one needs a few milliseconds. */
export const validationMsMax = 2_000;
/** For the thread to start: 40 ms where nothing else runs. */
const threadStartMsMax = 60_000;

const heapMegabytesMax = 64;

/** For the module's own cases, beside that: thousands of them take less. */
export const caseMsMax = 10_000;

/**
 * Resolves when the module can go live; throws `MODULE_INVALID` with every fault in `details`. `cases` is the
 * text of its own cases, which it then has to pass.
 */
export async function validateModule(
  source: CompileSource,
  limits: GuestLimits,
  deadlineMs: number = validationMsMax,
  cases: string | null = null,
): Promise<void> {
  const job: ValidationJob = { source, limits, cases };
  const worker = new Worker(new URL('./validate-thread.ts', import.meta.url), {
    workerData: job,
    // Nothing of the process is the module's business, and what it prints is nobody's.
    env: {},
    argv: [],
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax },
  });
  try {
    const faults = await outcome(worker, deadlineMs + (cases === null ? 0 : caseMsMax));
    if (faults.length > 0) throw invalidModule(source.name, faults);
  } finally {
    await worker.terminate();
  }
}

function outcome(worker: Worker, deadlineMs: number): Promise<readonly string[]> {
  const { promise, resolve } = Promise.withResolvers<readonly string[]>();
  let stage = 'starting';
  let timer = setTimeout(() => {
    resolve([`could not be tried: no thread started within ${threadStartMsMax} ms`]);
  }, threadStartMsMax);
  const startDeadline = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      resolve([
        `did not finish within ${deadlineMs} ms while ${stage}: it may hold a loop without an end`,
      ]);
    }, deadlineMs);
  };
  worker.on('message', (message: FromValidation) => {
    if (message.kind === 'done') {
      resolve(message.faults);
      return;
    }
    if (stage === 'starting') startDeadline();
    stage = message.stage;
  });
  worker.on('error', (error: unknown) => {
    resolve([`failed while ${stage}: ${error instanceof Error ? error.message : String(error)}`]);
  });
  worker.on('exit', () => resolve([`ended its thread while ${stage}`]));
  return promise.finally(() => clearTimeout(timer));
}
