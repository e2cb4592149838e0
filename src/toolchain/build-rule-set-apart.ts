/**
 * A rule set built in a thread of its own: seconds of work that would hold up everything else. What was built last of
 * a request is given again while nothing of what it was read from has changed.
 */
import { Worker } from 'node:worker_threads';
import { WeirError } from '#core/errors.ts';
import type { BuildStage, BuiltRuleSet } from './build-rule-set.ts';
import type { RuleSetRequest } from './rule-set-request.ts';
import type { FromRuleSetThread, RuleSetJob } from './rule-set-thread.ts';
import { areUnchanged } from './source-marks.ts';

/** A whole Core Rule Set takes some ten seconds on a slow core. */
export const buildMsMax = 300_000;

/** Requests whose last answer is kept; the oldest go. */
const keptMax = 4;
const kept = new Map<string, BuiltRuleSet>();

/** Throws RULES_INVALID, RULES_UNREADABLE. */
export async function buildRuleSetApart(
  request: RuleSetRequest,
  cacheFolder: string | null,
  onStage: BuildStage,
  deadlineMs: number = buildMsMax,
): Promise<BuiltRuleSet> {
  const asked = JSON.stringify([request, cacheFolder]);
  const before = kept.get(asked);
  if (before !== undefined && areUnchanged(before.marks)) return { ...before, isFromCache: true };
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
    const built = await promise;
    kept.delete(asked);
    kept.set(asked, built);
    for (const oldest of [...kept.keys()].slice(0, -keptMax)) kept.delete(oldest);
    return built;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
