/** `/api/v1/events`: what the rules of the node decided lately. */
import type { FastifyInstance } from 'fastify';
import type { EventControl } from './event-control.ts';
import { type EventQuery, eventListAnswer, eventQuery, eventsDefault } from './event-schema.ts';
import { errorAnswer } from './schema.ts';

export function addEventRoutes(app: FastifyInstance, events: EventControl): void {
  app.get<{ Querystring: EventQuery }>(
    '/api/v1/events',
    {
      schema: {
        querystring: eventQuery,
        response: { 200: eventListAnswer, '4xx': errorAnswer, '5xx': errorAnswer },
      },
    },
    async ({ query }) => ({ events: events.list(Number(query.limit ?? eventsDefault)) }),
  );
}
