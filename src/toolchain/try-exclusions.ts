/**
 * One request through a rule set as it is and as it would be with further exclusions, in a thread of its own: compiling
 * takes seconds, and what a client has sent is looked at by rules, which no supervisor's process does itself.
 */
import { Worker } from 'node:worker_threads';
import { WeirError } from '#core/errors.ts';
import type { InspectedRequest } from './inspect-request.ts';
import type { RuleSetRequest } from './rule-set-request.ts';

/** Two rule sets, of which the first is compiled already as a rule. */
const triedMsMax = 300_000;

export type ExclusionTrial = {
  readonly current: RuleSetRequest;
  readonly candidate: RuleSetRequest;
  readonly cacheFolder: string | null;
  readonly request: InspectedRequest;
};

export type TriedMatch = { readonly rule: string; readonly target: string };

export type TriedRequest = {
  readonly matches: readonly TriedMatch[];
  /** Of the rule that stops it; null where it passes. */
  readonly stoppedBy: string | null;
};

export type TriedExclusions = { readonly before: TriedRequest; readonly after: TriedRequest };

export type FromTrialThread =
  | { readonly kind: 'tried'; readonly tried: TriedExclusions }
  | { readonly kind: 'refused'; readonly message: string; readonly details: readonly string[] };

/** Throws RULES_INVALID where the rule set cannot be compiled, or fails on the request. */
export async function tryExclusions(trial: ExclusionTrial): Promise<TriedExclusions> {
  const worker = new Worker(new URL('./try-exclusions-thread.ts', import.meta.url), {
    workerData: trial,
  });
  const { promise, resolve, reject } = Promise.withResolvers<TriedExclusions>();
  const timer = setTimeout(
    () => reject(new WeirError('RULES_INVALID', `not tried within ${triedMsMax / 1_000} s`)),
    triedMsMax,
  );
  worker.on('message', (message: FromTrialThread) => {
    if (message.kind === 'tried') resolve(message.tried);
    else reject(new WeirError('RULES_INVALID', message.message, { details: message.details }));
  });
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('the thread of the trial ended without an answer')));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
