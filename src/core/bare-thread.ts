/**
 * A thread that has nothing of the process but its job: no environment, no arguments, a heap of its own. It is for what
 * comes from elsewhere, such as modules, their source maps and recorded requests. What it prints goes nowhere.
 */
import { Worker } from 'node:worker_threads';

export function startBareThread(file: URL, heapMegabytesMax: number, job?: unknown): Worker {
  return new Worker(file, {
    workerData: job,
    env: {},
    argv: [],
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax },
  });
}
