/** What a request gets from a module that failed: the module's policy, the same for every kind of guest. */
import type { Stop } from '#waf/verdict.ts';

/** Status a client gets from a module that failed and is configured to fail closed. */
const failedStatus = 503;

export function failureStop(
  module: string,
  policy: 'closed' | 'open',
  message: string,
): Stop | null {
  if (policy === 'open') return null;
  return {
    kind: 'block',
    status: failedStatus,
    rule: `${module}/failure`,
    reason: `module failed: ${message}`,
    target: 'module',
    matched: '',
  };
}
