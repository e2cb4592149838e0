/** The end of a request: rules have their last call, it is counted, who observes sees it, and its line is written. */
import type { RequestView } from '#waf/request-view.ts';
import {
  type AccessVerdict,
  currentTime,
  shownCertificate,
  shownNames,
  toMicroseconds,
  unlessEmpty,
} from './access-line.ts';
import type { ClientSide } from './client-side.ts';
import type { ProxyContext } from './context.ts';
import type { Inspection } from './inspection.ts';
import type { Protocol } from './proxy-metrics.ts';
import type { RequestRecord } from './request-record.ts';
import { userAgentOf } from './user-agent.ts';

export function endRequest(
  context: ProxyContext,
  client: ClientSide,
  inspection: Inspection | null,
  record: RequestRecord,
): void {
  const { metrics, accessLog } = context;
  const { status, outcome, bytesIn, bytesOut, durationMs } = record;
  if (record.isTunnel) metrics.tunnelsOpen.value--;
  else metrics.duration.observe(durationMs / 1_000);
  metrics.outcomes[outcome].value++;
  metrics.status(status).value++;
  metrics.protocols[protocolOf(record.view)].value++;
  metrics.bytesReceived.value += bytesIn;
  metrics.bytesSent.value += bytesOut;
  inspection?.finish(metrics, {
    ...{ status, outcome, bytesIn, bytesOut, durationMs },
    wafMs: record.wafMs,
    rule: record.found?.rule ?? '',
  });
  for (const observer of context.observers) observer.onRequest(record);
  if (!accessLog.isOff) writeLine(context, client, record);
}

function writeLine({ accessLog }: ProxyContext, client: ClientSide, record: RequestRecord): void {
  const { view, reason, wafMs } = record;
  const { ja4, certificate } = client.facts;
  // Field by field: one that is put together by spreading has its fields in a memory of their own.
  accessLog.write({
    time: currentTime(),
    id: record.id,
    client: record.client,
    peer: client.peer === record.client ? undefined : client.peer,
    protocol: protocolOf(view),
    method: record.method,
    host: record.host,
    path: view.bytes.toString('latin1', view.pathStart, view.pathEnd),
    query: accessLog.redactedQuery(view),
    status: record.status,
    outcome: record.outcome,
    reason: unlessEmpty(reason),
    route: record.route?.name,
    upstream: unlessEmpty(record.upstream),
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    durationMs: toMicroseconds(record.durationMs),
    wafMs: wafMs === 0 ? undefined : toMicroseconds(wafMs),
    verdict: verdictOf(record),
    monitored: shownNames(record.transaction?.monitoredRules),
    ja4: unlessEmpty(ja4),
    clientCertificate: certificate === null ? undefined : shownCertificate(certificate),
    userAgent: userAgentOf(view),
  });
}

function verdictOf({ found, isEnforced, overRate }: RequestRecord): AccessVerdict | undefined {
  const said = found ?? overRate;
  if (said === null) return undefined;
  const { rule, target, reason } = said;
  const enforced = found === null ? overRate?.mode === 'block' : isEnforced;
  return { rule, target, reason, enforced, matches: shownNames(found?.matches) };
}

function protocolOf({ major, minor }: RequestView): Protocol {
  if (major === 2) return 'HTTP/2.0';
  if (major === 0) return 'HTTP/0.9';
  return minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
}
