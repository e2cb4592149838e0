/** The routes of a node's parts: a line for each. */
import type { FastifyInstance } from 'fastify';
import type { NodeControl } from './control.ts';
import { addEventRoutes } from './event-routes.ts';

export function addPartRoutes(app: FastifyInstance, { parts }: NodeControl): void {
  addEventRoutes(app, parts.events);
}
