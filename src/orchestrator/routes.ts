/**
 * The routes of the orchestrator's API that are about itself: health, status, tokens, audit log. Those of the
 * fleet are in `node-routes.ts`, `blocklist-routes.ts` and `gateway.ts`.
 */
import type { FastifyInstance } from 'fastify';
import { errorAnswer, healthAnswer, noQuery, nothing, readyAnswer } from '#admin/schema.ts';
import type { AuditEntry } from './audit-log.ts';
import type { OrchestratorParts } from './parts.ts';
import * as schema from './schema.ts';
import type { TokenEntry } from './token-store.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };

export function addOwnRoutes(app: FastifyInstance, parts: OrchestratorParts): void {
  addHealthRoutes(app, parts);
  addTokenRoutes(app, parts);
  addAuditRoutes(app, parts);
}

function addHealthRoutes(app: FastifyInstance, parts: OrchestratorParts): void {
  app.get(
    '/health',
    {
      config: { needs: 'public' },
      schema: { querystring: noQuery, response: { 200: healthAnswer, ...errors } },
    },
    async () => ({ status: 'ok' }),
  );
  // The API answers as soon as it listens; that the bus is away is no reason to send callers elsewhere.
  app.get(
    '/ready',
    {
      config: { needs: 'public' },
      schema: { querystring: noQuery, response: { 200: readyAnswer, ...errors } },
    },
    async () => ({ ready: true, reasons: [] }),
  );
  app.get('/metrics', { schema: { querystring: noQuery } }, async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(parts.metrics()),
  );
  app.get(
    '/api/v1/status',
    { schema: { querystring: noQuery, response: { 200: schema.orchestratorStatus, ...errors } } },
    async () => parts.status(),
  );
}

function addTokenRoutes(app: FastifyInstance, { tokens }: OrchestratorParts): void {
  app.get(
    '/api/v1/tokens',
    {
      config: { needs: 'admin' },
      schema: { querystring: noQuery, response: { 200: schema.tokenListAnswer, ...errors } },
    },
    async () => ({ tokens: tokens.list().map(tokenAnswer) }),
  );
  app.post<{ Body: schema.TokenAddBody }>(
    '/api/v1/tokens',
    {
      config: { needs: 'admin' },
      schema: {
        querystring: noQuery,
        body: schema.tokenAddBody,
        response: { 200: schema.tokenAddAnswer, ...errors },
      },
    },
    async ({ body }) => {
      const added = tokens.add(body.name, body.role, body.ttlSeconds ?? null);
      return { ...tokenAnswer(added), token: added.token };
    },
  );
  app.delete<{ Params: { name: string } }>(
    '/api/v1/tokens/:name',
    {
      config: { needs: 'admin' },
      schema: {
        querystring: noQuery,
        params: schema.tokenParams,
        body: nothing,
        response: { 200: schema.tokenRemoveAnswer, ...errors },
      },
    },
    async ({ params }) => {
      tokens.remove(params.name);
      return { name: params.name };
    },
  );
}

function addAuditRoutes(app: FastifyInstance, { audit }: OrchestratorParts): void {
  app.get<{ Querystring: schema.AuditQuery }>(
    '/api/v1/audit',
    {
      config: { needs: 'admin' },
      schema: {
        querystring: schema.auditQuery,
        response: { 200: schema.auditListAnswer, ...errors },
      },
    },
    async ({ query }) => {
      const limit = Number(query.limit ?? 100);
      const entries = audit.list(query.before === undefined ? null : Number(query.before), limit);
      const last = entries.at(-1)?.sequence ?? 0;
      return {
        entries: entries.map(auditAnswer),
        next: entries.length === limit && last > 1 ? last : null,
      };
    },
  );
  app.get(
    '/api/v1/audit/verify',
    {
      config: { needs: 'admin' },
      schema: { querystring: noQuery, response: { 200: schema.auditVerifyAnswer, ...errors } },
    },
    async () => audit.verify(),
  );
}

const rfc3339 = (ms: number): string => new Date(ms).toISOString();

function tokenAnswer({ name, role, createdAtMs, expiresAtMs }: TokenEntry) {
  return {
    name,
    role,
    createdAt: rfc3339(createdAtMs),
    expiresAt: expiresAtMs === null ? null : rfc3339(expiresAtMs),
  };
}

function auditAnswer({ atMs, ...entry }: AuditEntry) {
  return { ...entry, at: rfc3339(atMs) };
}
