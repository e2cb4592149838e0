/**
 * The inside of `validate.ts`: runs in a worker thread and says what it is about to do before it does
 * it, because a module that hangs leaves no other trace.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '#core/assert.ts';
import { describeError } from '#core/errors.ts';
import type { GuestLimits } from './abi.ts';
import { Guest } from './guest.ts';
import { GuestFailure } from './guest-failure.ts';
import { findShapeFaults } from './module-shape.ts';
import { sampleRequests } from './sample-requests.ts';

export type ValidationJob = { readonly bytes: Uint8Array; readonly limits: GuestLimits };

export type FromValidation =
  | { readonly kind: 'stage'; readonly stage: string }
  | { readonly kind: 'done'; readonly faults: readonly string[] };

assert(parentPort !== null, 'runs as a worker thread only');
const port = parentPort;
const send = (message: FromValidation): void => port.postMessage(message);
const stage = (text: string): void => send({ kind: 'stage', stage: text });

send({ kind: 'done', faults: findFaults(workerData as ValidationJob) });

function findFaults(job: ValidationJob): readonly string[] {
  try {
    stage('being compiled');
    const compiled = new WebAssembly.Module(job.bytes);
    const faults = findShapeFaults(compiled, job.bytes);
    if (faults.length > 0) return faults;
    stage('running its start function, weir_abi or weir_reserve');
    const guest = Guest.instantiate(compiled, job.limits);
    stage('answering a sample request in weir_request_head');
    // Twice over: a module that keeps state between requests shows it in the second round.
    for (const { view, facts } of [...sampleRequests(), ...sampleRequests()])
      guest.inspectRequestHead(view, facts);
    return [];
  } catch (error) {
    return [error instanceof GuestFailure ? error.describe() : describeError(error)];
  }
}
