/**
 * The inside of `validate.ts`: runs in a worker thread and says what it is about to do before it does
 * it, because a module that hangs leaves no other trace.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '#core/assert.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { GuestLimits } from './abi.ts';
import { compileFilter } from './compile-filter.ts';
import { type Filter, phase } from './filter.ts';
import { GuestFailure, traceOffsets } from './guest-failure.ts';
import type { CompileSource } from './live-module.ts';
import { PacketFilter } from './packet-filter.ts';
import { samplePackets } from './sample-packets.ts';
import { sampleBody, sampleRequests, sampleResponse } from './sample-requests.ts';
import { trialServices } from './services/trial-services.ts';
import type { ModuleFault } from './validate.ts';

export type ValidationJob = {
  readonly source: CompileSource;
  readonly limits: GuestLimits;
  readonly cases: string | null;
};

export type FromValidation =
  | { readonly kind: 'stage'; readonly stage: string }
  | { readonly kind: 'done'; readonly faults: readonly ModuleFault[] };

assert(parentPort !== null, 'runs as a worker thread only');
const port = parentPort;
const send = (message: FromValidation): void => port.postMessage(message);
const stage = (text: string): void => send({ kind: 'stage', stage: text });

async function findFaults(job: ValidationJob): Promise<readonly ModuleFault[]> {
  const faults: ModuleFault[] = [];
  try {
    stage('being compiled, or in its start function, weir_abi, weir_reserve or weir_configure');
    const source = { ...job.source, failure: 'open' as const };
    const module = compileFilter(
      source,
      job.limits,
      trialServices(() => {}),
      (message, failure) => faults.push(faultOf(message, traceOffsets(failure))),
    );
    // Twice over: a module that keeps state between requests shows it in the second round.
    for (let round = 0; round < 2 && faults.length === 0; round++) callPhases(module, faults);
    if ((module.phases & phase.packet) !== 0) callPacketPhase(source, faults);
    module.close();
    if (faults.length > 0 || job.cases === null) return faults.slice(0, 1);
    stage('running its cases');
    // The reader of cases takes longer to load than most modules take to be tried.
    const { findCaseFaults } = await import('./cases/case-faults.ts');
    return findCaseFaults(job.source, module.abi, job.limits, job.cases);
  } catch (error) {
    const texts =
      error instanceof WeirError && error.details.length > 0
        ? error.details
        : [describeError(error)];
    const failure = error instanceof WeirError ? error.cause : error;
    const offsets = failure instanceof GuestFailure ? traceOffsets(failure) : [];
    return texts.map((text) => ({ text, offsets }));
  }
}

function callPhases(module: Filter, faults: readonly ModuleFault[]): void {
  for (const transaction of sampleRequests()) {
    const run = module.begin(transaction, () => {});
    const call = (bit: number, name: string, body: () => unknown): void => {
      if ((module.phases & bit) === 0 || faults.length > 0) return;
      stage(`answering a sample request in ${name}`);
      body();
    };
    call(phase.requestHead, 'weir_request_head', () => run.requestHead(false));
    call(phase.requestBody, 'weir_request_body', () => run.requestBody(sampleBody));
    transaction.response = sampleResponse();
    call(phase.responseHead, 'weir_response_head', () => run.responseHead(false));
    call(phase.responseBody, 'weir_response_body', () => run.responseBody(sampleBody));
    call(phase.log, 'weir_log', () => run.log(sampleLog));
    run.end();
  }
}

function callPacketPhase(source: CompileSource, faults: ModuleFault[]): void {
  const services = trialServices(() => {});
  const filter = PacketFilter.load(source, services, (message, _kind, _isQuarantine, offsets) =>
    faults.push(faultOf(message, offsets)),
  );
  stage('answering a sample packet in weir_packet');
  for (const packet of samplePackets) if (faults.length === 0) filter.inspect(packet);
}

/** Without the words about module and policy. */
const faultOf = (message: string, offsets: readonly number[]): ModuleFault => ({
  text: message.replace(/^.*?\): /, ''),
  offsets,
});

const sampleLog = {
  status: 200,
  outcome: 'forwarded',
  bytesIn: 25,
  bytesOut: 1_000,
  durationMs: 2,
  wafMs: 0.1,
  rule: '',
} as const;

// Last, so that everything above is there.
send({ kind: 'done', faults: await findFaults(workerData as ValidationJob) });
