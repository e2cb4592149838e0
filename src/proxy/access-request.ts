/** The part of an access line that the request and its connection say of themselves. */
import type { RequestView } from '#waf/request-view.ts';
import type { AccessRecord } from './access-line.ts';
import type { AccessLog } from './access-log.ts';
import type { ClientSide } from './client-side.ts';
import type { Protocol } from './proxy-metrics.ts';
import { userAgentOf } from './user-agent.ts';

export type AccessRequest = Pick<
  AccessRecord,
  'peer' | 'protocol' | 'path' | 'query' | 'userAgent' | 'ja4' | 'certificate'
>;

export function accessRequest(
  view: RequestView,
  { peer, facts }: ClientSide,
  log: AccessLog,
): AccessRequest {
  return {
    peer,
    protocol: protocolOf(view),
    path: view.bytes.toString('latin1', view.pathStart, view.pathEnd),
    query: log.redactedQuery(view),
    userAgent: userAgentOf(view),
    ja4: facts.ja4,
    certificate: facts.certificate,
  };
}

export function protocolOf(view: RequestView): Protocol {
  if (view.major === 2) return 'HTTP/2.0';
  return view.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
}
