/**
 * The one place where a thrown thing becomes an HTTP answer of the management API:
 * `{"error":{"code","message","details"}}`.
 *
 * A `WeirError` keeps its status and its sentence, because those are written for the operator. A
 * refusal by fastify (schema, media type, size) gets a code of our own. Anything else is our bug: the
 * log has it in full, the caller learns only that it happened.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describeError, WeirError } from '#core/errors.ts';

/** Codes of the HTTP layer itself, beside the table in `#core/errors.ts`. */
export type HttpErrorCode =
  | 'UNAUTHORIZED'
  | 'TOO_MANY_ATTEMPTS'
  | 'HOST_REFUSED'
  | 'ORIGIN_REFUSED'
  | 'ROLE_REFUSED'
  | 'REQUEST_INVALID'
  | 'MEDIA_TYPE_REFUSED'
  | 'BODY_TOO_LARGE'
  | 'NOT_FOUND'
  | 'INTERNAL';

export function sendError(
  reply: FastifyReply,
  status: number,
  code: HttpErrorCode | WeirError['code'],
  message: string,
  details: readonly string[] = [],
): FastifyReply {
  return reply.code(status).send({ error: { code, message, details } });
}

export function answerThrown(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof WeirError) {
    if (error.status >= 500)
      request.log.error({ err: error, path: request.url }, 'management call failed');
    return sendError(reply, error.status, error.code, error.message, error.details);
  }
  const refusal = refusalOf(error);
  if (refusal !== null) {
    return sendError(reply, refusal.status, refusal.code, describeError(error), refusal.details);
  }
  request.log.error({ err: error, path: request.url }, 'management call failed');
  return sendError(
    reply,
    500,
    'INTERNAL',
    'the call failed inside the daemon; its log has the reason',
  );
}

type Refusal = {
  readonly status: number;
  readonly code: HttpErrorCode;
  readonly details: readonly string[];
};

/** What fastify refused before a handler ran; null for everything else. */
function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof Error)) return null;
  if ('validation' in error && Array.isArray(error.validation)) {
    return {
      status: 400,
      code: 'REQUEST_INVALID',
      details: error.validation.map(describeViolation),
    };
  }
  const status = 'statusCode' in error ? error.statusCode : undefined;
  const code = 'code' in error ? error.code : undefined;
  if (typeof code !== 'string' || !code.startsWith('FST_') || typeof status !== 'number')
    return null;
  if (status === 413) return { status, code: 'BODY_TOO_LARGE', details: [] };
  if (status === 415) return { status, code: 'MEDIA_TYPE_REFUSED', details: [] };
  return status >= 400 && status < 500 ? { status, code: 'REQUEST_INVALID', details: [] } : null;
}

function describeViolation(violation: unknown): string {
  if (typeof violation !== 'object' || violation === null) return 'not as the schema says';
  const path = 'instancePath' in violation ? String(violation.instancePath) : '';
  const message = 'message' in violation ? String(violation.message) : 'not as the schema says';
  const params = 'params' in violation ? violation.params : null;
  const extra =
    typeof params === 'object' && params !== null && 'additionalProperty' in params
      ? ` (${String(params.additionalProperty)})`
      : '';
  return `${path === '' ? '/' : path} ${message}${extra}`;
}
