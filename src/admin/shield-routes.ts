/** `/api/v1/shield/top`: who sends most, and what becomes of packets, a second. */
import type { FastifyInstance } from 'fastify';
import type { NodeControl } from '#admin/control.ts';
import * as schema from '#admin/schema.ts';
import { type TopQuery, topAnswer, topCountDefault, topQuery } from '#admin/shield-schema.ts';

export function addShieldRoutes(app: FastifyInstance, control: NodeControl): void {
  app.get<{ Querystring: TopQuery }>(
    '/api/v1/shield/top',
    {
      schema: {
        querystring: topQuery,
        response: { 200: topAnswer, '4xx': schema.errorAnswer, '5xx': schema.errorAnswer },
      },
    },
    ({ query }) => control.shieldTop(query.by ?? 'packets', Number(query.count ?? topCountDefault)),
  );
}
