/** The inside of `try-exclusions.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import { buildRuleSet } from './build-rule-set.ts';
import { inspectRequest } from './inspect-request.ts';
import type { RuleSetRequest } from './rule-set-request.ts';
import type { ExclusionTrial, FromTrialThread, TriedRequest } from './try-exclusions.ts';

assert(parentPort !== null, 'runs as a worker thread only');
const port = parentPort;
const send = (message: FromTrialThread): void => port.postMessage(message);
const { current, candidate, cacheFolder, request } = workerData as ExclusionTrial;

try {
  send({ kind: 'tried', tried: { before: run(current), after: run(candidate) } });
} catch (error) {
  if (!(error instanceof WeirError)) throw error;
  const { message, details } = error;
  send({ kind: 'refused', message, details });
}

function run(ruleSet: RuleSetRequest): TriedRequest {
  const { matches, verdict, failures } = inspectRequest(
    buildRuleSet(ruleSet, cacheFolder).bytes,
    request,
    0,
  );
  if (failures[0] !== undefined)
    throw new WeirError('RULES_INVALID', `the rules of ${ruleSet.name} fail: ${failures[0]}`);
  return {
    matches: matches.map(({ rule, target }) => ({ rule: String(rule), target })),
    stoppedBy: verdict === null ? null : verdict.rule.slice(verdict.rule.indexOf('/') + 1),
  };
}
