/** `/api/v1/events`: what the node decided lately, one by one and in sums. */
import type { FastifyInstance } from 'fastify';
import type { EventFilter } from '#events/event-store.ts';
import type { EventControl } from './event-control.ts';
import * as schema from './event-schema.ts';
import { errorAnswer, noQuery } from './schema.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };

export function addEventRoutes(app: FastifyInstance, events: EventControl): void {
  app.get<{ Querystring: schema.EventQuery }>(
    '/api/v1/events',
    {
      schema: {
        querystring: schema.eventQuery,
        response: { 200: schema.eventListAnswer, ...errors },
      },
    },
    async ({ query }) => {
      if (query.after === 'now') return { events: [], place: events.newestPlace };
      const after = query.after === undefined ? null : Number(query.after);
      const found = await events.list(
        filterOf(query),
        Number(query.limit ?? schema.eventsDefault),
        after,
      );
      return { events: found, place: found.at(-1)?.place ?? after ?? events.newestPlace };
    },
  );

  app.get<{ Querystring: schema.EventCountQuery }>(
    '/api/v1/events/counts',
    {
      schema: {
        querystring: schema.eventCountQuery,
        response: { 200: schema.eventCountAnswer, ...errors },
      },
    },
    async ({ query }) => {
      const { by = 'rule', sinceSeconds } = query;
      const sinceMs = sinceSeconds === undefined ? 0 : Date.now() - Number(sinceSeconds) * 1_000;
      return { counts: await events.counts(by, filterOf(query), sinceMs, schema.countsMax) };
    },
  );

  app.get<{ Params: { id: string } }>(
    '/api/v1/events/:id',
    {
      schema: {
        querystring: noQuery,
        params: schema.eventParams,
        response: { 200: schema.eventAnswer, ...errors },
      },
    },
    async ({ params }) => events.find(params.id),
  );
}

const filterOf = ({ kind, route, rule, address }: EventFilter): EventFilter => ({
  ...(kind === undefined ? {} : { kind }),
  ...(route === undefined ? {} : { route }),
  ...(rule === undefined ? {} : { rule }),
  ...(address === undefined ? {} : { address }),
});
