/** A rule set built in a thread of its own: seconds of work that would hold up everything else. */
import { Worker } from 'node:worker_threads';
import { WeirError } from '#core/errors.ts';
import type { BuildStage, BuiltRuleSet } from './build-rule-set.ts';
import type { RuleSetRequest } from './rule-set-request.ts';
import type { FromRuleSetThread, RuleSetJob } from './rule-set-thread.ts';

/** A whole Core Rule Set takes some ten seconds on a slow core. */
export const buildMsMax = 300_000;

/** Throws RULES_INVALID, RULES_UNREADABLE. */
export async function buildRuleSetApart(
  request: RuleSetRequest,
  cacheFolder: string | null,
  onStage: BuildStage,
  deadlineMs: number = buildMsMax,
): Promise<BuiltRuleSet> {
  const job: RuleSetJob = { request, cacheFolder };
  const worker = new Worker(new URL('./rule-set-thread.ts', import.meta.url), { workerData: job });
  const { promise, resolve, reject } = Promise.withResolvers<BuiltRuleSet>();
  const timer = setTimeout(() => {
    reject(
      new WeirError(
        'RULES_INVALID',
        `the rules of ${request.name} were not compiled within ${deadlineMs / 1_000} s`,
      ),
    );
  }, deadlineMs);
  worker.on('message', (message: FromRuleSetThread) => {
    if (message.kind === 'stage') onStage(message.words);
    else if (message.kind === 'built') resolve(message.built);
    else reject(new WeirError(message.code, message.message, { details: message.details }));
  });
  worker.once('error', reject);
  worker.once('exit', () =>
    reject(new Error('the thread of the rule compiler ended without an answer')),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
