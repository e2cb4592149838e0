/** The routes of what a node decides for its fleet. */
import type { FastifyInstance } from 'fastify';
import type { NodeControl } from './control.ts';
import * as fleet from './fleet-schema.ts';
import { blockTargetParams, errorAnswer, noQuery, nothing } from './schema.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };

export function addFleetRoutes(app: FastifyInstance, control: NodeControl): void {
  app.post<{ Body: fleet.FleetBlockBody }>(
    '/api/v1/fleet/blocks',
    {
      schema: {
        querystring: noQuery,
        body: fleet.fleetBlockBody,
        response: { 200: fleet.fleetBlockAnswer, ...errors },
      },
    },
    ({ body }) =>
      control.fleet.addBlock({
        target: body.target,
        action: body.action ?? 'drop',
        ttlSeconds: body.ttlSeconds ?? null,
        reason: body.reason ?? '',
        origin: 'operator',
        waitMs: body.waitMs ?? 0,
      }),
  );

  app.delete<{ Params: { target: string }; Querystring: { waitMs?: string } }>(
    '/api/v1/fleet/blocks/:target',
    {
      schema: {
        querystring: fleet.fleetRemoveQuery,
        params: blockTargetParams,
        body: nothing,
        response: { 200: fleet.fleetBlockAnswer, ...errors },
      },
    },
    ({ params, query }) =>
      control.fleet.removeBlock(params.target, 'operator', Number(query.waitMs ?? 0)),
  );
}
