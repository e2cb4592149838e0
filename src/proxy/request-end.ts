/** The end of a request: rules have their last call, it is counted, who observes sees it, and its line is written. */
import { accessRequest, protocolOf } from './access-request.ts';
import type { ClientSide } from './client-side.ts';
import type { ProxyContext } from './context.ts';
import type { Inspection } from './inspection.ts';
import type { RequestRecord } from './request-record.ts';

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
  const { found, isEnforced, overRate, transaction } = record;
  const asked = accessRequest(record.view, client, accessLog);
  // Field by field: one that is put together by spreading has its fields in a memory of their own.
  accessLog.write({
    id: record.id,
    client: record.client,
    peer: asked.peer,
    protocol: asked.protocol,
    method: record.method,
    host: record.host,
    path: asked.path,
    query: asked.query,
    status: record.status,
    outcome: record.outcome,
    reason: record.reason,
    route: record.route?.name ?? '',
    upstream: record.upstream,
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    durationMs: record.durationMs,
    wafMs: record.wafMs,
    verdict:
      found !== null
        ? { ...found, enforced: isEnforced }
        : overRate && { ...overRate, enforced: overRate.mode === 'block' },
    monitored: transaction?.monitoredRules ?? noRules,
    userAgent: asked.userAgent,
    ja4: asked.ja4,
    certificate: asked.certificate,
  });
}

const noRules: readonly string[] = [];
