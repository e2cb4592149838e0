/** `/api/v1/exclusions`: what rules are not to look at, made from events. */
import type { FastifyInstance } from 'fastify';
import type { ExclusionControl } from './exclusion-control.ts';
import * as schema from './exclusion-schema.ts';
import { errorAnswer, noQuery, nothing } from './schema.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };

export function addExclusionRoutes(app: FastifyInstance, exclusions: ExclusionControl): void {
  app.get(
    '/api/v1/exclusions',
    {
      schema: {
        querystring: noQuery,
        response: { 200: schema.exclusionListAnswer, ...errors },
      },
    },
    async () => ({ exclusions: exclusions.list() }),
  );

  app.post<{ Body: schema.ExclusionBody }>(
    '/api/v1/exclusions',
    {
      schema: {
        querystring: noQuery,
        body: schema.exclusionBody,
        response: { 200: schema.exclusionAnswer, ...errors },
      },
    },
    ({ body }) =>
      exclusions.exclude({
        event: body.event,
        rule: body.rule ?? null,
        path: body.path ?? null,
        host: body.host ?? false,
        reason: body.reason ?? '',
        owner: body.owner ?? '',
        ttlSeconds: body.ttlSeconds ?? null,
        dryRun: body.dryRun ?? false,
      }),
  );

  app.delete<{ Params: { id: string } }>(
    '/api/v1/exclusions/:id',
    {
      schema: {
        querystring: noQuery,
        params: schema.exclusionParams,
        body: nothing,
        response: { 200: schema.exclusionRemoved, ...errors },
      },
    },
    ({ params }) => exclusions.remove(params.id),
  );
}
