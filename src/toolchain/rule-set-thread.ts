/** The inside of `build-rule-set-apart.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import { type BuiltRuleSet, buildRuleSet } from './build-rule-set.ts';
import type { RuleSetRequest } from './rule-set-request.ts';

export type RuleSetJob = {
  readonly request: RuleSetRequest;
  readonly cacheFolder: string | null;
};

export type FromRuleSetThread =
  | { readonly kind: 'stage'; readonly words: string }
  | { readonly kind: 'built'; readonly built: BuiltRuleSet }
  | {
      readonly kind: 'refused';
      readonly code: 'RULES_INVALID' | 'RULES_UNREADABLE' | 'MODULE_UNREADABLE';
      readonly message: string;
      readonly details: readonly string[];
    };

assert(parentPort !== null, 'runs as a worker thread only');
const port = parentPort;
const send = (message: FromRuleSetThread): void => port.postMessage(message);
const { request, cacheFolder } = workerData as RuleSetJob;

try {
  const built = buildRuleSet(request, cacheFolder, (words) => send({ kind: 'stage', words }));
  send({ kind: 'built', built });
} catch (error) {
  if (!(error instanceof WeirError)) throw error;
  const { code, message, details } = error;
  if (code !== 'RULES_INVALID' && code !== 'RULES_UNREADABLE' && code !== 'MODULE_UNREADABLE')
    throw error;
  send({ kind: 'refused', code, message, details });
}
