/** `/api/v1/feeds`: the lists a node follows. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { FeedControl } from './feed-control.ts';
import { feedListAnswer, feedStatus } from './feed-schema.ts';
import { errorAnswer, noQuery, nothing } from './schema.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };
const params = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 63 }) },
  { additionalProperties: false },
);

export function addFeedRoutes(app: FastifyInstance, feeds: FeedControl): void {
  app.get(
    '/api/v1/feeds',
    { schema: { querystring: noQuery, response: { 200: feedListAnswer, ...errors } } },
    async () => ({ feeds: feeds.list() }),
  );

  app.get<{ Params: { name: string } }>(
    '/api/v1/feeds/:name',
    { schema: { querystring: noQuery, params, response: { 200: feedStatus, ...errors } } },
    async ({ params: { name } }) => feeds.show(name),
  );

  app.post<{ Params: { name: string } }>(
    '/api/v1/feeds/:name/refresh',
    {
      schema: {
        querystring: noQuery,
        params,
        body: nothing,
        response: { 200: feedStatus, ...errors },
      },
    },
    ({ params: { name } }) => feeds.refresh(name),
  );
}
