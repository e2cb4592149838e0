/** The routes of a node's parts: a line for each. */
import type { FastifyInstance } from 'fastify';
import type { NodeControl } from './control.ts';
import { addEventRoutes } from './event-routes.ts';
import { addExclusionRoutes } from './exclusion-routes.ts';
import { addFeedRoutes } from './feed-routes.ts';
import { addInspectRoutes } from './inspect-routes.ts';
import { addReplayRoutes } from './replay-routes.ts';

export function addPartRoutes(app: FastifyInstance, { parts }: NodeControl): void {
  addEventRoutes(app, parts.events);
  addExclusionRoutes(app, parts.exclusions);
  addFeedRoutes(app, parts.feeds);
  addInspectRoutes(app, parts.inspection);
  addReplayRoutes(app, parts.replay);
}
