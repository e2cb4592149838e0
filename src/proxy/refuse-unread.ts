/** A request that never came to an exchange has no route and no time of its own, but it has a count and a line. */

import type { RequestView } from '#waf/request-view.ts';
import { currentTime, shownCertificate, unlessEmpty } from './access-line.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import type { ProxyContext } from './context.ts';
import { errorAnswer, type LocalAnswer } from './error-page.ts';
import { hostOf, methodOf } from './forward-request.ts';
import type { ParseProblem } from './http1/parse-problem.ts';
import type { Outcome } from './proxy-metrics.ts';
import { nextRequestId } from './request-id.ts';

/** One that is answered; its outcome is `refused`. */
export function refuseUnread(
  context: ProxyContext,
  facts: ConnectionFacts,
  problem: ParseProblem,
  protocol = '',
): LocalAnswer & { readonly requestId: string } {
  const requestId = nextRequestId();
  const answer = errorAnswer(problem.status, requestId, false);
  const bytesOut = Buffer.byteLength(answer.body);
  context.metrics.limitReached(problem.reason);
  recordUnread(context, facts, problem, 'refused', protocol, null, requestId, bytesOut);
  return { ...answer, requestId };
}

/** One that nobody is answered for: the client is gone, or its stream is reset. `view` where its head was read. */
export function recordUnread(
  { metrics, accessLog }: ProxyContext,
  { peer, ja4, certificate }: ConnectionFacts,
  { status, reason }: ParseProblem,
  outcome: Outcome,
  protocol: string,
  view: RequestView | null,
  id = nextRequestId(),
  bytesOut = 0,
): void {
  metrics.outcomes[outcome].value++;
  metrics.status(status).value++;
  accessLog.write({
    time: currentTime(),
    id,
    client: peer,
    peer: undefined,
    protocol: unlessEmpty(protocol),
    method: view === null ? '' : methodOf(view),
    host: view === null ? '' : hostOf(view),
    path: view === null ? '' : view.bytes.toString('latin1', view.pathStart, view.pathEnd),
    query: undefined,
    status,
    outcome,
    reason: unlessEmpty(reason),
    route: undefined,
    upstream: undefined,
    bytesIn: 0,
    bytesOut,
    durationMs: undefined,
    wafMs: undefined,
    verdict: undefined,
    monitored: undefined,
    ja4: unlessEmpty(ja4),
    clientCertificate: certificate === null ? undefined : shownCertificate(certificate),
    userAgent: '',
  });
}
