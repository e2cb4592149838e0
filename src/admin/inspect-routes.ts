/** The route of the management API that shows what the live rules say of a request. */
import type { FastifyInstance } from 'fastify';
import type { InspectControl } from './inspect-control.ts';
import {
  type InspectBody,
  inspectAnswer,
  inspectBody,
  inspectBodyBytesMax,
} from './inspect-schema.ts';
import { errorAnswer, noQuery } from './schema.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };
const someone = '192.0.2.1';

export function addInspectRoutes(app: FastifyInstance, control: InspectControl): void {
  app.post<{ Body: InspectBody }>(
    '/api/v1/inspect',
    {
      config: { needs: 'admin' },
      bodyLimit: inspectBodyBytesMax,
      schema: {
        querystring: noQuery,
        body: inspectBody,
        response: { 200: inspectAnswer, ...errors },
      },
    },
    ({ body }) =>
      control.inspect(
        Buffer.from(body.request, 'base64'),
        body.client ?? someone,
        body.tls ?? false,
      ),
  );
}
