/**
 * Every call that changes something goes through the audit log, whatever route it is for: a begin before its
 * handler, an end before its answer. Where a begin cannot be written the call is not done.
 *
 * A call by nobody (401) is in the log of the process and not here: else anybody could fill it.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type AuditCall, type AuditLog, detailCharactersMax } from './audit-log.ts';

/** Longer ones are said as their length. */
const gatewayBodyBytesMax = 4_096;

declare module 'fastify' {
  interface FastifyRequest {
    /** Sequence of its begin in the audit log. */
    auditSequence: number | null;
  }
}

export function auditCalls(app: FastifyInstance, audit: AuditLog): void {
  app.decorateRequest('auditSequence', null);
  app.addHook('preHandler', async (request) => {
    if (isAudited(request)) request.auditSequence = audit.begin(callOf(request));
  });
  app.addHook('onSend', async (request, reply) => {
    if (!isAudited(request)) return;
    audit.end(callOf(request), request.auditSequence, reply.statusCode);
    const { sequence, hash } = audit.head;
    request.log.info({ sequence, hash }, 'audit log');
  });
}

const isAudited = ({ method, caller }: FastifyRequest): boolean =>
  method !== 'GET' && caller !== null;

function callOf(request: FastifyRequest): AuditCall {
  const { caller, ip, method, url, gatewayBody } = request;
  const body = gatewayBody === null ? request.body : jsonOf(gatewayBody);
  return {
    caller: caller?.name ?? '',
    role: caller?.role ?? '',
    source: ip,
    method,
    path: url,
    detail: detailOf(body),
  };
}

/** What goes through the gateway is read for the log alone; the node checks it. */
function jsonOf(bytes: Buffer): unknown {
  if (bytes.length > gatewayBodyBytesMax) return bytes;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return bytes;
  }
}

/** Longer texts, as modules in base64 are. */
const textCharactersMax = 1_000;

/** Long lists and texts as their length; bytes as theirs. */
function detailOf(body: unknown): string {
  if (body === undefined || body === null) return '';
  if (body instanceof Uint8Array) return `${body.length} bytes`;
  return JSON.stringify(body, (_key, value: unknown) => {
    if (typeof value === 'string' && value.length > textCharactersMax)
      return `${value.length} characters`;
    return Array.isArray(value) && value.length > 8 ? `${value.length} entries` : value;
  }).slice(0, detailCharactersMax);
}
