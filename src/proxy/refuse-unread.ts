/** A request that could not be read has no exchange, but it has a count, an access line and an id. */
import type { ConnectionFacts } from './connection-facts.ts';
import type { ProxyContext } from './context.ts';
import type { ParseProblem } from './http1/parse-problem.ts';
import { nextRequestId } from './request-id.ts';

/** Returns the request id the answer names. */
export function refuseUnread(
  { metrics, accessLog }: ProxyContext,
  { peer, ja4, certificate }: ConnectionFacts,
  problem: ParseProblem,
  protocol = '',
): string {
  const id = nextRequestId();
  metrics.outcomes.refused.value++;
  metrics.limitReached(problem.reason);
  metrics.status(problem.status).value++;
  accessLog.write({
    id,
    client: peer,
    peer,
    protocol,
    method: '',
    host: '',
    path: '',
    query: null,
    status: problem.status,
    outcome: 'refused',
    reason: problem.reason,
    route: '',
    upstream: '',
    bytesIn: 0,
    bytesOut: 0,
    durationMs: 0,
    wafMs: 0,
    verdict: null,
    userAgent: '',
    ja4,
    certificate,
  });
  return id;
}
