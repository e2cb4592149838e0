/** `/api/v1/certificates`: the certificates a node obtains by itself. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { NodeControl } from '#admin/control.ts';
import * as schema from '#admin/schema.ts';

const errors = { '4xx': schema.errorAnswer, '5xx': schema.errorAnswer };
const nameParams = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 253 }) },
  { additionalProperties: false },
);

export function addCertificateRoutes(app: FastifyInstance, control: NodeControl): void {
  app.get(
    '/api/v1/certificates',
    {
      schema: {
        querystring: schema.noQuery,
        response: { 200: schema.certificateListAnswer, ...errors },
      },
    },
    async () => ({ certificates: control.listCertificates() }),
  );

  app.post<{ Params: { name: string } }>(
    '/api/v1/certificates/:name/renew',
    {
      schema: {
        querystring: schema.noQuery,
        params: nameParams,
        body: schema.nothing,
        response: { 200: schema.certificateStatus, ...errors },
      },
    },
    ({ params }) => control.renewCertificate(params.name),
  );
}
